use std::sync::{Mutex, PoisonError};

/// Memory that is lent to one request after another, so that nothing is allocated once it is warm.
///
/// It keeps at most `capacity` pieces. Scoring never waits in the middle, so no more are lent at
/// once than the runtime has threads; should there be more, the rest are freed after use.
pub(crate) struct Pool<T> {
    idle: Mutex<Vec<Box<T>>>,
    capacity: usize,
}

impl<T> Pool<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { idle: Mutex::new(Vec::with_capacity(capacity)), capacity }
    }

    /// Calls `use_it` with a piece of memory. Where `use_it` panics its piece is not used again.
    pub(crate) fn with<R>(&self, make: impl FnOnce() -> T, use_it: impl FnOnce(&mut T) -> R) -> R {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut piece = idle.unwrap_or_else(|| Box::new(make()));
        let result = use_it(&mut piece);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.capacity {
            idle.push(piece);
        }
        result
    }

    /// Puts a piece in, where there is room.
    pub(crate) fn fill(&self, piece: T) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.capacity {
            idle.push(Box::new(piece));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn pieces_come_back_up_to_the_capacity_and_not_after_a_panic() {
        let pool = Pool::new(1);
        let made = std::cell::Cell::new(0);
        let make = || {
            made.set(made.get() + 1);
            made.get()
        };
        pool.with(make, |outer| {
            assert_eq!(*outer, 1);
            pool.with(make, |inner| assert_eq!(*inner, 2));
        });
        assert_eq!(pool.with(make, |piece| *piece), 2, "the second filled the only place");
        let panicked = catch_unwind(AssertUnwindSafe(|| pool.with(make, |_| panic!("in use"))));
        assert!(panicked.is_err());
        assert_eq!(pool.with(make, |piece| *piece), 3);
        pool.fill(9);
        assert_eq!(pool.with(make, |piece| *piece), 3, "no room for more");
    }
}
