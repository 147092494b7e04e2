use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::files::ExposureFiles;
use crate::error::{Error, Result};
use crate::limits::EXPOSURE_QUEUE;
use sidecart_serve::offers::exposure::ExposureRecord;

/// Between two writes, so that what was shown is seldom lost with the process.
const FLUSH_INTERVAL: Duration = Duration::from_millis(200);

/// Figures of the log, in records.
#[derive(Default)]
pub(crate) struct ExposureCounts {
    pub(crate) written: AtomicU64,
    /// Left out because the queue was full.
    pub(crate) dropped: AtomicU64,
    /// Left out because the file could not be written.
    pub(crate) failed: AtomicU64,
}

/// A queue of records and the thread that writes them. Requests never wait for it.
pub(crate) struct ExposureLog {
    /// Taken away at the end.
    queue: Mutex<Option<SyncSender<Vec<ExposureRecord>>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    counts: Arc<ExposureCounts>,
}

impl ExposureLog {
    /// Opens the folder and starts the thread.
    ///
    /// # Errors
    /// [`Error::Exposures`] or [`Error::Start`].
    pub(crate) fn open(folder: &Path, file_bytes: u64) -> Result<Self> {
        let files = ExposureFiles::open(folder, file_bytes)
            .map_err(|source| Error::Exposures { path: folder.to_owned(), source })?;
        let (queue, records) = sync_channel(EXPOSURE_QUEUE);
        let counts = Arc::new(ExposureCounts::default());
        let counted = Arc::clone(&counts);
        let writer = std::thread::Builder::new()
            .name("exposures".into())
            .spawn(move || write_all(&records, files, &counted))
            .map_err(|source| Error::Start { what: "the writer of exposures", source })?;
        Ok(Self { queue: Mutex::new(Some(queue)), writer: Mutex::new(Some(writer)), counts })
    }

    /// Hands over the records of one answer; they are dropped and counted where the queue is full.
    pub(crate) fn log(&self, records: Vec<ExposureRecord>) {
        let n = records.len() as u64;
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.as_ref().is_none_or(|queue| queue.try_send(records).is_err()) {
            self.counts.dropped.fetch_add(n, Ordering::Relaxed);
        }
    }

    pub(crate) fn counts(&self) -> &ExposureCounts {
        &self.counts
    }

    /// Writes what waits and ends the thread. Blocks.
    pub(crate) fn close(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            // A writer that panicked has counted what it wrote.
            let _ = writer.join();
        }
    }
}

impl Drop for ExposureLog {
    fn drop(&mut self) {
        self.close();
    }
}

fn write_all(records: &Receiver<Vec<ExposureRecord>>, mut files: ExposureFiles, counts: &ExposureCounts) {
    let mut lines = Vec::new();
    let mut n_waiting = 0u64;
    let mut flushed = Instant::now();
    let count = |counter: &AtomicU64, n: u64| counter.fetch_add(n, Ordering::Relaxed);
    loop {
        let received = records.recv_timeout(FLUSH_INTERVAL);
        if let Ok(records) = &received {
            lines.clear();
            for record in records {
                serde_json::to_writer(&mut lines, record).expect("a record always becomes JSON");
                lines.push(b'\n');
            }
            if files.append(&lines).is_ok() {
                n_waiting += records.len() as u64;
            } else {
                count(&counts.failed, records.len() as u64);
            }
        }
        let at_end = received == Err(RecvTimeoutError::Disconnected);
        if n_waiting > 0 && (at_end || flushed.elapsed() >= FLUSH_INTERVAL) {
            let done = if at_end { files.sync() } else { files.flush() };
            count(if done.is_ok() { &counts.written } else { &counts.failed }, n_waiting);
            n_waiting = 0;
            flushed = Instant::now();
        }
        if at_end {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(position: usize) -> ExposureRecord {
        let text = format!(
            r#"{{"request_id": "r", "time": 1, "model": "m", "version": "v", "kind": "cross-sell", "item": 7,
                "position": {position}, "score": 0.5, "probability_shown": 1.0, "held_out": false}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn what_was_taken_is_written_before_the_end_and_later_ones_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let log = ExposureLog::open(folder.path(), 1 << 20).unwrap();
        for position in 1..=1_000 {
            log.log(vec![record(position), record(position)]);
        }
        log.close();
        log.log(vec![record(1); 3]);
        log.close();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        assert_eq!((count(&log.counts.written), count(&log.counts.dropped), count(&log.counts.failed)), (2_000, 3, 0));
        let text = std::fs::read_to_string(folder.path().join("exposures.jsonl")).unwrap();
        let read: Vec<ExposureRecord> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read.len(), 2_000);
        assert_eq!(read[1_999], record(1_000));
    }

    #[test]
    fn a_full_queue_is_counted_and_never_waited_for() {
        let (queue, records) = sync_channel(2);
        let counts = Arc::new(ExposureCounts::default());
        let log = ExposureLog { queue: Mutex::new(Some(queue)), writer: Mutex::new(None), counts };
        for _ in 0..5 {
            log.log(vec![record(1); 2]);
        }
        assert_eq!(log.counts.dropped.load(Ordering::Relaxed), 6);
        assert_eq!(records.try_iter().count(), 2);
    }
}
