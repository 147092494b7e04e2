use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_schema::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::config::Paths;
use crate::error::{Error, Result};

/// Rows decoded at once; large batches are fastest for narrow projections.
const BATCH_ROWS: usize = 65_536;

/// Finds the Parquet files that a path, folder or glob names, in sorted order.
pub(crate) fn find_files(paths: &Paths, what: &'static str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths.as_slice() {
        let before = files.len();
        if path.is_dir() {
            collect_folder(path, &mut files)?;
        } else if path.exists() {
            files.push(path.clone());
        } else {
            let pattern = path.to_string_lossy();
            let found = glob::glob(&pattern)
                .map_err(|e| Error::Pattern { pattern: pattern.to_string(), problem: e.to_string() })?;
            for entry in found {
                let entry = entry.map_err(|e| Error::Io {
                    path: e.path().to_path_buf(),
                    action: "listing",
                    source: e.into(),
                })?;
                if entry.is_dir() {
                    collect_folder(&entry, &mut files)?;
                } else {
                    files.push(entry);
                }
            }
        }
        if files.len() == before {
            return Err(Error::NoFiles { path: path.clone(), what });
        }
    }
    if files.is_empty() {
        return Err(Error::NoFiles { path: PathBuf::new(), what });
    }
    files.sort();
    files.dedup();
    Ok(files)
}

fn collect_folder(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder).map_err(Error::io(folder, "listing"))?;
    for entry in entries {
        let path = entry.map_err(Error::io(folder, "listing"))?.path();
        let hidden = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(['.', '_']));
        if hidden {
            continue;
        }
        if path.is_dir() {
            collect_folder(&path, files)?;
        } else if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet")) {
            files.push(path);
        }
    }
    Ok(())
}

/// An opened Parquet file: its schema and the row counts of its row groups.
pub(crate) struct ParquetInput {
    pub(crate) path: PathBuf,
    metadata: ArrowReaderMetadata,
}

impl ParquetInput {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(path, "opening"))?;
        let metadata = ArrowReaderMetadata::load(&file, Default::default()).map_err(Error::parquet(path))?;
        Ok(Self { path: path.to_path_buf(), metadata })
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    pub(crate) fn n_row_groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    pub(crate) fn rows_in(&self, row_group: usize) -> u64 {
        self.metadata.metadata().row_group(row_group).num_rows().max(0) as u64
    }

    /// Rows of the file before a row group.
    pub(crate) fn rows_before(&self, row_group: usize) -> u64 {
        (0..row_group).map(|g| self.rows_in(g)).sum()
    }

    pub(crate) fn n_rows(&self) -> u64 {
        self.rows_before(self.n_row_groups())
    }

    /// Position of a column, or an error that lists what there is.
    pub(crate) fn column(&self, name: &str, column: &str) -> Result<usize> {
        self.find(column).ok_or_else(|| Error::MissingColumn {
            file: self.path.clone(),
            name: name.to_owned(),
            column: column.to_owned(),
            available: self.schema().fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    pub(crate) fn find(&self, column: &str) -> Option<usize> {
        self.schema().fields().iter().position(|f| f.name() == column)
    }

    /// Reads the given columns of one row group, in the file's column order.
    pub(crate) fn read(&self, row_group: usize, columns: &[usize]) -> Result<ParquetRecordBatchReader> {
        let file = File::open(&self.path).map_err(Error::io(&self.path, "opening"))?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let mask = ProjectionMask::roots(builder.parquet_schema(), columns.iter().copied());
        builder
            .with_row_groups(vec![row_group])
            .with_projection(mask)
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(Error::parquet(&self.path))
    }
}

/// Opens every file of a table.
pub(crate) fn open_all(paths: &Paths, what: &'static str) -> Result<Vec<ParquetInput>> {
    find_files(paths, what)?.iter().map(|path| ParquetInput::open(path)).collect()
}
