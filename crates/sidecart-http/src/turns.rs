//! Which requests are scored now, and which are sent away.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::problem::{Code, Problem};

/// Counts requests that are scored or wait for it, and refuses more than a limit.
///
/// Scoring runs on the runtime's own threads and is over in microseconds. A request that has been
/// read takes a place here and goes to the end of the runtime's queue; by the time its turn comes,
/// every other request that has arrived was read, and got a place or was sent away. So the queue is
/// short, and what is refused is refused at once.
pub(crate) struct Turns {
    taken: AtomicUsize,
    limit: usize,
}

/// A place; given back when dropped.
pub(crate) struct Turn<'a>(&'a Turns);

impl Turns {
    pub(crate) fn new(limit: usize) -> Self {
        Self { taken: AtomicUsize::new(0), limit }
    }

    /// Takes a place and waits for the turn.
    ///
    /// # Errors
    /// [`Code::OVERLOADED`], at once.
    pub(crate) async fn take(&self) -> Result<Turn<'_>, Problem> {
        let turn = self.try_take()?;
        tokio::task::yield_now().await;
        Ok(turn)
    }

    fn try_take(&self) -> Result<Turn<'_>, Problem> {
        let turn = Turn(self);
        if self.taken.fetch_add(1, Ordering::Relaxed) >= self.limit {
            return Err(Problem::new(Code::OVERLOADED, "too many requests are under way; come again in a second"));
        }
        Ok(turn)
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_and_come_back() {
        let turns = Turns::new(2);
        let held: Vec<_> = (0..2).map(|_| turns.try_take().ok().unwrap()).collect();
        for _ in 0..3 {
            assert_eq!(turns.try_take().err().map(|problem| problem.code), Some(Code::OVERLOADED));
        }
        assert_eq!(turns.taken(), 2);
        drop(held);
        assert!(turns.try_take().is_ok());
        assert_eq!(turns.taken(), 0);
    }
}
