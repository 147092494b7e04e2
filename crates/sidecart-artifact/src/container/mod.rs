//! A safetensors file of typed one- and two-dimensional tensors, under stricter rules than the
//! format itself asks for (see `models/README.md`).

mod buffer;
mod element;
mod header;
mod mapped;
mod reader;
mod writer;

pub use element::{Dtype, Element};
pub use header::{MAX_HEADER_BYTES, MAX_TENSORS, TensorInfo};
pub use reader::{Checks, Container, Mode, Section};
pub use writer::ContainerWriter;

pub(crate) use buffer::AlignedBuffer;

/// The tensor area starts at a multiple of this many bytes, in the file and in memory.
const ALIGNMENT: usize = 64;
