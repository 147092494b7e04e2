//! Dot products, fixed-order matrix products, int8 scan and prefetch; one plain twin for each.
//!
//! Everything works on plain slices and knows nothing of items or files. Each kernel exists
//! for every instruction set of [`Level`]; the best one of the running machine is chosen once.
//! All levels give **the same bits**: every sum has one fixed order, and every product is added
//! with one rounding (fused multiply-add), so a model trained on one machine is the model trained
//! on another.
//!
//! | concept | entry points |
//! |---|---|
//! | inner product | [`dot`] |
//! | matrix products for training | [`matmul`], [`matmul_at`] |
//! | softmax | [`exp`], [`max`], [`sum`] |
//! | sums of vectors | [`add_scaled`], [`add_rows`] |
//! | exact top-k of many rows | [`ScanIndex`], [`Scratch`], [`RowBias`] |
//! | approximate inner products of chosen rows | [`QuantisedRows`], [`QuantisedVector`] |
//! | memory | [`prefetch_read`] |
//!
//! ```
//! use sidecart_kernels::{ScanIndex, Scratch};
//!
//! // Three rows of two dimensions; the query looks along the first axis.
//! let rows = [1.0_f32, 0.0, 0.0, 1.0, 0.6, 0.8];
//! let index = ScanIndex::new(&rows[..], 2)?;
//! let mut scratch = Scratch::default();
//! let best = index.search(&[1.0, 0.0], None, 2, |row| row == 0, &mut scratch)?;
//! assert_eq!(best[0].row, 2); // row 0 is excluded, row 2 scores 0.6
//! assert_eq!(best.len(), 2);
//! # Ok::<(), sidecart_kernels::KernelError>(())
//! ```

// The one crate of fast paths: vector intrinsics are unsafe by nature, each use argues why it holds.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod dot;
mod elementwise;
mod error;
mod level;
mod matmul;
mod plain;
mod prefetch;
mod quantised;
mod top_k;

pub use dot::{dot, dot_at};
pub use elementwise::{add_rows, add_rows_at, add_scaled, add_scaled_at, exp, exp_at, max, max_at, sum, sum_at};
pub use error::KernelError;
pub use level::Level;
pub use matmul::{Destination, MatmulShape, matmul, matmul_at, matmul_at_level, matmul_level};
pub use prefetch::prefetch_read;
pub use quantised::{QuantisedRows, QuantisedVector};
pub use top_k::{Hit, RowBias, ScanIndex, Scratch};
