use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The file that is written to.
const LIVE_FILE: &str = "exposures.jsonl";

/// JSON lines in `exposures.jsonl`. A file that has reached the limit is renamed to
/// `exposures-000001.jsonl` and so on; none is ever deleted.
pub(super) struct ExposureFiles {
    folder: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
    limit: u64,
    next: u64,
}

impl ExposureFiles {
    /// Opens the folder, which is made when missing, to go on where the last run ended. A line that a
    /// crash has cut is closed off, so that the lines after it can be read.
    pub(super) fn open(folder: &Path, limit: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut next = 1;
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|n| n.strip_prefix("exposures-")?.strip_suffix(".jsonl")?.parse().ok());
            next = next.max(number.map_or(0, |n: u64| n + 1));
        }
        let mut file = File::options().create(true).read(true).append(true).open(folder.join(LIVE_FILE))?;
        let mut bytes = file.metadata()?.len();
        if bytes > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                bytes += 1;
            }
        }
        Ok(Self { folder: folder.to_owned(), file: BufWriter::new(file), bytes, limit, next })
    }

    /// Appends whole lines; they stay in one file.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.bytes > 0 && self.bytes + lines.len() as u64 > self.limit {
            self.rotate()?;
        }
        self.file.write_all(lines)?;
        self.bytes += lines.len() as u64;
        Ok(())
    }

    /// Hands everything to the system.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    /// Hands everything to the disk.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_data()
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.sync()?;
        let live = self.folder.join(LIVE_FILE);
        fs::rename(&live, self.folder.join(format!("exposures-{:06}.jsonl", self.next)))?;
        self.next += 1;
        self.file = BufWriter::new(File::options().create_new(true).append(true).open(live)?);
        self.bytes = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn files_turn_over_by_size_and_go_on_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("new");
        for run in 0..2 {
            let mut files = ExposureFiles::open(&at, 30).unwrap();
            for line in 0..3 {
                files.append(format!("{{\"run\": {run}, \"n\": {line}}}\n").as_bytes()).unwrap();
            }
            files.sync().unwrap();
        }
        assert_eq!(names(&at).len(), 6, "each line of 19 bytes has a file of its own: {:?}", names(&at));
        let all: Vec<String> = names(&at).iter().map(|name| fs::read_to_string(at.join(name)).unwrap()).collect();
        assert!(all.iter().all(|text| text.ends_with("}\n")), "{all:?}");
        assert_eq!(all.concat().lines().count(), 6);
    }

    #[test]
    fn a_cut_line_is_closed_off() {
        let folder = tempfile::tempdir().unwrap();
        let live = folder.path().join(LIVE_FILE);
        fs::write(&live, "{\"a\": 1}\n{\"a\":").unwrap();
        let mut files = ExposureFiles::open(folder.path(), 1_000).unwrap();
        files.append(b"{\"a\": 2}\n").unwrap();
        files.flush().unwrap();
        assert_eq!(fs::read_to_string(live).unwrap(), "{\"a\": 1}\n{\"a\":\n{\"a\": 2}\n");
    }
}
