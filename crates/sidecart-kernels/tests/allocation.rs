//! A search allocates nothing once its scratch has grown.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use sidecart_kernels::{Level, RowBias, ScanIndex, Scratch};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes on to the system allocator unchanged; counting neither allocates nor
// unwinds, since the counter is a constant-initialised thread-local without destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        // SAFETY: the caller's promises are those of the system allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: `ptr` came from `alloc` above, so from the system allocator with this layout.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn searches_reuse_their_scratch() {
    let dim = 12;
    let rows: Vec<f32> = (0..3000 * dim).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
    let index = ScanIndex::new(&rows[..], dim).unwrap();
    let bias = RowBias::new(&vec![0.25; 3000]).unwrap();
    let mut scratch = Scratch::default();
    for level in Level::ALL {
        let mut run = |start: usize| {
            let query = &rows[start * dim..(start + 1) * dim];
            let best = index.search_at(level, query, Some(&bias), 20, |row| row % 3 == 0, &mut scratch).unwrap();
            assert_eq!(best.len(), 20);
        };
        (0..50).for_each(&mut run);
        let before = ALLOCATIONS.with(Cell::get);
        (0..50).for_each(&mut run);
        assert_eq!(ALLOCATIONS.with(Cell::get), before, "{level:?}");
    }
}
