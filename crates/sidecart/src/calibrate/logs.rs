use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use sidecart_core::ExternalId;
use sidecart_data::config::Paths;
use sidecart_data::{Acceptance, Exposure};
use sidecart_serve::offers::OfferKind;
use sidecart_serve::offers::exposure::{AcceptanceRecord, ExposureRecord, LoggedId, check_probabilities};

use crate::error::{Error, Result};

/// Longest line of a log.
pub const MAX_LINE_BYTES: usize = 1 << 20;
/// Most exposures of one calibration; the newest are the ones to keep.
pub const MAX_EXPOSURES: usize = 20_000_000;

/// Reads exposures out of files and folders, in the order given; files of a folder by name.
pub(super) fn read_exposures(paths: &[PathBuf]) -> Result<Vec<Exposure>> {
    let mut out = Vec::new();
    for path in files(paths)? {
        if is_parquet(&path) {
            for (at, exposure) in sidecart_data::read_exposures(Paths::One(path.clone()))?.into_iter().enumerate() {
                check(&exposure).map_err(|problem| Error::LogLine {
                    path: path.clone(),
                    line: at as u64 + 1,
                    problem,
                })?;
                out.push(exposure);
            }
        } else {
            read_lines(&path, |record: ExposureRecord| {
                record.check()?;
                out.push(exposure(record));
                Ok(())
            })?;
        }
        if out.len() > MAX_EXPOSURES {
            return Err(Error::Setting {
                key: "--exposures".into(),
                got: format!("{} exposures and more", out.len()),
                expected: format!("at most {MAX_EXPOSURES}; give the newest files"),
            });
        }
    }
    Ok(out)
}

/// Reads purchases out of a file or a folder.
pub(super) fn read_acceptances(path: &Path) -> Result<Vec<Acceptance>> {
    let mut out = Vec::new();
    for path in files(&[path.to_owned()])? {
        if is_parquet(&path) {
            for (at, row) in sidecart_data::read_acceptances(Paths::One(path.clone()))?.into_iter().enumerate() {
                if row.request_id.is_none() && (row.customer_id.is_none() || row.time.is_none()) {
                    let problem = "neither request_id nor customer_id with time: expected one of them".into();
                    return Err(Error::LogLine { path, line: at as u64 + 1, problem });
                }
                out.push(row);
            }
        } else {
            read_lines(&path, |record: AcceptanceRecord| {
                record.check()?;
                let AcceptanceRecord { request_id, customer_id, item, time } = record;
                let (customer_id, item) = (customer_id.map(external), external(item));
                out.push(Acceptance { request_id, customer_id, item, time });
                Ok(())
            })?;
        }
    }
    Ok(out)
}

/// The kind of a name in a log.
pub(super) fn kind_of(name: &str) -> Option<OfferKind> {
    OfferKind::ALL.into_iter().find(|kind| kind.name() == name)
}

/// Checks what the types of columns leave open.
fn check(exposure: &Exposure) -> Result<(), String> {
    if kind_of(&exposure.kind).is_none() {
        let known = OfferKind::ALL.map(OfferKind::name).join(", ");
        return Err(format!("kind = {}: expected one of {known}", exposure.kind));
    }
    check_probabilities(exposure.p, exposure.probability_shown, exposure.held_out)
}

fn exposure(record: ExposureRecord) -> Exposure {
    Exposure {
        request_id: record.request_id,
        time: record.time,
        version: record.version,
        customer_id: record.customer_id.map(external),
        touchpoint: record.touchpoint,
        kind: record.kind.name().to_owned(),
        item: external(record.item),
        p: record.p,
        probability_shown: record.probability_shown,
        held_out: record.held_out,
        accepted: record.accepted,
    }
}

fn external(id: LoggedId) -> ExternalId {
    match id {
        LoggedId::Int(id) => ExternalId::Int(id),
        LoggedId::Text(id) => ExternalId::Text(id.into()),
    }
}

fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}

/// Files as given, and those of folders that are logs by their endings.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let failed = |source| Error::LogFile { path: path.clone(), source };
        if !path.metadata().map_err(failed)?.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut found = Vec::new();
        for entry in path.read_dir().map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            let is_log = |ending: &str| ["jsonl", "ndjson", "json", "parquet"].contains(&ending);
            let ending = file.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
            if file.is_file() && ending.as_deref().is_some_and(is_log) {
                found.push(file);
            }
        }
        if found.is_empty() {
            let source = std::io::Error::new(std::io::ErrorKind::NotFound, "no *.jsonl or *.parquet in this folder");
            return Err(failed(source));
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

/// Hands every line that is not blank to `take`.
fn read_lines<T: DeserializeOwned>(path: &Path, mut take: impl FnMut(T) -> Result<(), String>) -> Result<()> {
    let failed = |source| Error::LogFile { path: path.to_owned(), source };
    let mut reader = BufReader::new(File::open(path).map_err(failed)?);
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let n_read = reader.by_ref().take(MAX_LINE_BYTES as u64 + 1).read_until(b'\n', &mut bytes).map_err(failed)?;
        if n_read == 0 {
            break;
        }
        let bad = |problem| Error::LogLine { path: path.to_owned(), line, problem };
        if n_read > MAX_LINE_BYTES {
            return Err(bad(format!("longer than {MAX_LINE_BYTES} bytes")));
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let record = serde_json::from_slice(&bytes).map_err(|e| bad(e.to_string()))?;
        take(record).map_err(bad)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"request_id":"r","time":5,"model":"m","version":"00","kind":"upsell","item":7,"position":1,"score":1,"p":0.5,"probability_shown":0.9,"held_out":true}"#;

    #[test]
    fn files_and_folders_are_read_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("b.jsonl", &format!("{LINE}\n\n{}\n", LINE.replace("\"r\"", "\"r2\"")));
        write("a.ndjson", &LINE.replace("\"r\"", "\"r1\""));
        write("notes.txt", "no log");
        let read = read_exposures(&[folder.path().to_owned()]).unwrap();
        assert_eq!(read.iter().map(|e| e.request_id.as_str()).collect::<Vec<_>>(), ["r1", "r", "r2"]);
        assert_eq!((&read[0].item, read[0].p, read[0].held_out), (&ExternalId::Int(7), Some(0.5), true));
    }

    #[test]
    fn bad_lines_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        for (bad, said) in [
            (LINE.replace("\"p\":0.5", "\"p\":1.5"), "line 2: p = 1.5"),
            (LINE.replace("\"time\"", "\"tiem\""), "line 2: unknown field `tiem`"),
            (LINE.replace("upsell", "up"), "line 2: unknown variant `up`"),
            ("x".repeat(MAX_LINE_BYTES + 1), "line 2: longer than"),
            ("{".into(), "line 2: EOF"),
        ] {
            std::fs::write(&path, format!("{LINE}\n{bad}")).unwrap();
            let error = read_exposures(std::slice::from_ref(&path)).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
        assert!(matches!(read_exposures(&[folder.path().join("none")]), Err(Error::LogFile { .. })));
        std::fs::write(&path, "{\"item\":7}").unwrap();
        assert!(read_acceptances(&path).unwrap_err().to_string().contains("neither request_id"));
    }
}
