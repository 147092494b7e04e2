//! Parquet files behind a path, and reading parts of them.

use std::collections::HashSet;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Component, Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_schema::{DataType, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};

use crate::config::Paths;
use crate::error::{Error, Result};

/// Rows decoded at once; the columns of a batch then stay in the second-level cache.
const BATCH_ROWS: usize = 16_384;

/// Finds the Parquet files that a path, folder or glob names, in sorted order, each once.
///
/// Names that begin with `.` or `_` are left out of folders and globs: other programs leave their
/// marks there.
pub(crate) fn find_files(paths: &Paths, what: &'static str) -> Result<Vec<PathBuf>> {
    if paths.as_slice().iter().all(|path| path.as_os_str().is_empty()) {
        return Err(Error::Setting {
            key: "path",
            got: "nothing".into(),
            expected: "a Parquet file, a folder with *.parquet files, a glob, or a list of them",
        });
    }
    let mut files = Vec::new();
    for path in paths.as_slice() {
        let before = files.len();
        if path.is_dir() {
            collect_folder(path, &mut files, &mut HashSet::new())?;
        } else if path.exists() {
            files.push(path.clone());
        } else {
            let pattern = path.to_string_lossy();
            let is_fixed = |part: &Component<'_>| !part.as_os_str().to_string_lossy().contains(['*', '?', '[']);
            let n_fixed = path.components().take_while(is_fixed).count();
            let found = glob::glob(&pattern)
                .map_err(|e| Error::Pattern { pattern: pattern.to_string(), problem: e.to_string() })?;
            for entry in found {
                let entry = entry.map_err(|e| Error::Io {
                    path: e.path().to_path_buf(),
                    action: "listing",
                    source: e.into(),
                })?;
                if entry.components().skip(n_fixed).any(|part| is_hidden(Path::new(&part))) {
                    continue;
                }
                if entry.is_dir() {
                    collect_folder(&entry, &mut files, &mut HashSet::new())?;
                } else {
                    files.push(entry);
                }
            }
        }
        if files.len() == before {
            return Err(Error::NoFiles { path: path.clone(), what });
        }
    }
    files.sort();
    // One file under two names would count all its rows twice.
    let mut seen = HashSet::new();
    files.retain(|file| seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())));
    Ok(files)
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(['.', '_']))
}

/// `entered` holds the real paths of the folders on the way, so that a link cannot lead in circles.
fn collect_folder(folder: &Path, files: &mut Vec<PathBuf>, entered: &mut HashSet<PathBuf>) -> Result<()> {
    if !entered.insert(folder.canonicalize().map_err(Error::io(folder, "listing"))?) {
        return Ok(());
    }
    let entries = std::fs::read_dir(folder).map_err(Error::io(folder, "listing"))?;
    for entry in entries {
        let path = entry.map_err(Error::io(folder, "listing"))?.path();
        if is_hidden(&path) {
            continue;
        }
        if path.is_dir() {
            collect_folder(&path, files, entered)?;
        } else if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet")) {
            files.push(path);
        }
    }
    Ok(())
}

/// Rows of one row group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RowRange {
    pub(crate) row_group: usize,
    /// First row, counted within the row group.
    pub(crate) start: u64,
    pub(crate) len: u64,
}

/// An opened Parquet file: its schema and the row counts of its row groups.
pub(crate) struct ParquetInput {
    pub(crate) path: PathBuf,
    metadata: ArrowReaderMetadata,
    /// Rows before each row group, and all rows.
    rows_before: Vec<u64>,
}

impl ParquetInput {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(path, "opening"))?;
        let metadata = guarded(|| ArrowReaderMetadata::load(&file, Default::default()))
            .map_err(|problem| Error::Parquet { path: path.to_path_buf(), problem })?;
        let mut rows_before = vec![0u64];
        for row_group in metadata.metadata().row_groups() {
            let before = rows_before.last().copied().unwrap_or(0);
            rows_before.push(before.saturating_add(row_group.num_rows().max(0) as u64));
        }
        Ok(Self { path: path.to_path_buf(), metadata, rows_before })
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    pub(crate) fn n_row_groups(&self) -> usize {
        self.rows_before.len() - 1
    }

    pub(crate) fn rows_in(&self, row_group: usize) -> u64 {
        self.rows_before[row_group + 1] - self.rows_before[row_group]
    }

    /// Rows of the file before a row group.
    pub(crate) fn rows_before(&self, row_group: usize) -> u64 {
        self.rows_before[row_group]
    }

    pub(crate) fn n_rows(&self) -> u64 {
        self.rows_before[self.n_row_groups()]
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

    pub(crate) fn data_type(&self, index: usize) -> &DataType {
        self.schema().field(index).data_type()
    }

    /// All rows in file order, in parts of about `n_rows` within row groups.
    pub(crate) fn ranges(&self, n_rows: u64) -> impl Iterator<Item = RowRange> + '_ {
        (0..self.n_row_groups()).flat_map(move |row_group| {
            let n = self.rows_in(row_group);
            let len = n.div_ceil(n.div_ceil(n_rows).max(1)).max(1);
            (0..n.div_ceil(len)).map(move |part| RowRange {
                row_group,
                start: part * len,
                len: len.min(n - part * len),
            })
        })
    }

    /// Reads the given columns of one row group, in the file's column order.
    pub(crate) fn read(&self, row_group: usize, columns: &[usize]) -> Result<Batches> {
        self.read_range(RowRange { row_group, start: 0, len: self.rows_in(row_group) }, columns)
    }

    /// Reads the given columns of some rows of one row group; pages before them are skipped.
    pub(crate) fn read_range(&self, range: RowRange, columns: &[usize]) -> Result<Batches> {
        let file = File::open(&self.path).map_err(Error::io(&self.path, "opening"))?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let mask = ProjectionMask::roots(builder.parquet_schema(), columns.iter().copied());
        let mut builder =
            builder.with_row_groups(vec![range.row_group]).with_projection(mask).with_batch_size(BATCH_ROWS);
        if range.len < self.rows_in(range.row_group) {
            let skipped = RowSelector::skip(range.start as usize);
            let taken = RowSelector::select(range.len as usize);
            builder = builder.with_row_selection(RowSelection::from(vec![skipped, taken]));
        }
        let parquet = |problem| Error::Parquet { path: self.path.clone(), problem };
        let reader = guarded(|| builder.build()).map_err(parquet)?;
        Ok(Batches { reader: Some(reader), path: self.path.clone(), row_group: range.row_group })
    }
}

/// Decoded batches of a part of a row group; the first error is the last item.
pub(crate) struct Batches {
    reader: Option<ParquetRecordBatchReader>,
    path: PathBuf,
    row_group: usize,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.reader.as_mut()?;
        match guarded(|| reader.next().transpose()) {
            Ok(batch) => batch.map(Ok),
            Err(problem) => {
                self.reader = None;
                let problem = format!("row group {}: {problem}", self.row_group);
                Some(Err(Error::Parquet { path: self.path.clone(), problem }))
            }
        }
    }
}

/// Runs a part of the Parquet reader, whose decoders check some lengths by assertions: a damaged
/// file must be an error here and must not take the program down. What panicked is not used again.
fn guarded<T, E: std::fmt::Display>(
    read: impl FnOnce() -> std::result::Result<T, E>,
) -> std::result::Result<T, String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(panic) => {
            let said =
                panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
            Err(format!("the data are damaged ({})", said.unwrap_or("the decoder gave up")))
        }
    }
}

/// Opens every file of a table.
pub(crate) fn open_all(paths: &Paths, what: &'static str) -> Result<Vec<ParquetInput>> {
    find_files(paths, what)?.iter().map(|path| ParquetInput::open(path)).collect()
}
