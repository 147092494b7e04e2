use crate::error::{Error, Result};

/// Sets the number of threads of the whole process, once and before any work. Results never
/// depend on it.
///
/// # Errors
/// [`Error::Setting`] for 0, [`Error::Threads`] when threads are already running or cannot start.
pub fn use_threads(threads: usize) -> Result<()> {
    if threads == 0 {
        return Err(Error::Setting { key: "threads".into(), got: "0".into(), expected: "at least 1".into() });
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(|e| Error::Threads { threads, problem: e.to_string() })
}
