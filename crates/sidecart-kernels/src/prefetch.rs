/// Asks the processor to load the cache line of `slice[index]` for reading.
///
/// Safe for any index: one outside the slice asks for nothing. It never changes a result; on
/// machines without such an instruction it does nothing.
///
/// ```
/// let scores = vec![0.5_f32; 1000];
/// sidecart_kernels::prefetch_read(&scores, 512);
/// sidecart_kernels::prefetch_read(&scores, usize::MAX);
/// ```
#[inline]
pub fn prefetch_read<T>(slice: &[T], index: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(value) = slice.get(index) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the address is that of a live reference; SSE is part of every x86-64 machine.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (slice, index);
}
