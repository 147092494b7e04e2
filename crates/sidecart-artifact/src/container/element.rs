use std::borrow::Cow;
use std::fmt;

/// The element types a container holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dtype {
    /// 64-bit signed integers.
    I64,
    /// 64-bit unsigned integers.
    U64,
    /// 32-bit floats, finite.
    F32,
    /// 32-bit signed integers.
    I32,
    /// 32-bit unsigned integers.
    U32,
    /// 16-bit unsigned integers.
    U16,
    /// Bytes with a sign.
    I8,
    /// Bytes.
    U8,
}

impl Dtype {
    const ALL: [Self; 8] = [Self::I64, Self::U64, Self::F32, Self::I32, Self::U32, Self::U16, Self::I8, Self::U8];

    /// Bytes of one element.
    #[must_use]
    pub fn width(self) -> usize {
        match self {
            Self::I64 | Self::U64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::U16 => 2,
            Self::I8 | Self::U8 => 1,
        }
    }

    /// The name in the header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::I64 => "I64",
            Self::U64 => "U64",
            Self::F32 => "F32",
            Self::I32 => "I32",
            Self::U32 => "U32",
            Self::U16 => "U16",
            Self::I8 => "I8",
            Self::U8 => "U8",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|d| d.name() == name)
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Elements on their way into a file.
#[derive(Clone, Debug)]
pub enum Elements<'a> {
    /// [`Dtype::I64`].
    I64(Cow<'a, [i64]>),
    /// [`Dtype::U64`].
    U64(Cow<'a, [u64]>),
    /// [`Dtype::F32`].
    F32(Cow<'a, [f32]>),
    /// [`Dtype::I32`].
    I32(Cow<'a, [i32]>),
    /// [`Dtype::U32`].
    U32(Cow<'a, [u32]>),
    /// [`Dtype::U16`].
    U16(Cow<'a, [u16]>),
    /// [`Dtype::I8`].
    I8(Cow<'a, [i8]>),
    /// [`Dtype::U8`].
    U8(Cow<'a, [u8]>),
}

impl Elements<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::I64(v) => bytemuck::cast_slice(v),
            Self::U64(v) => bytemuck::cast_slice(v),
            Self::F32(v) => bytemuck::cast_slice(v),
            Self::I32(v) => bytemuck::cast_slice(v),
            Self::U32(v) => bytemuck::cast_slice(v),
            Self::U16(v) => bytemuck::cast_slice(v),
            Self::I8(v) => bytemuck::cast_slice(v),
            Self::U8(v) => v,
        }
    }

    /// Gives zero one form and finds the first float that is not finite.
    pub(super) fn normalise(&mut self) -> Result<(), (usize, f32)> {
        let Self::F32(values) = self else { return Ok(()) };
        if let Some(position) = first_not_finite(values) {
            return Err((position, values[position]));
        }
        let negative_zero = (-0.0f32).to_bits();
        if values.iter().any(|v| v.to_bits() == negative_zero) {
            for value in values.to_mut() {
                if *value == 0.0 {
                    *value = 0.0;
                }
            }
        }
        Ok(())
    }
}

/// Position of the first NaN or infinity. Blocks are first tested as a whole, which compiles to
/// vector instructions.
pub(super) fn first_not_finite(values: &[f32]) -> Option<usize> {
    const EXPONENT: u32 = 0x7f80_0000;
    const BLOCK: usize = 1024;
    for (i, block) in values.chunks(BLOCK).enumerate() {
        let bad = block.iter().fold(0u32, |bad, v| bad | u32::from(v.to_bits() & EXPONENT == EXPONENT));
        if bad != 0 {
            return block.iter().position(|v| !v.is_finite()).map(|at| i * BLOCK + at);
        }
    }
    None
}

/// A type that fills tensors: the integers and floats of [`Dtype`].
pub trait Element: bytemuck::Pod + sealed::Sealed {
    /// Its name in the file.
    const DTYPE: Dtype;

    /// Forgets the type of the elements.
    #[doc(hidden)]
    fn erase(values: Cow<'_, [Self]>) -> Elements<'_>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! element {
    ($($type:ty => $dtype:ident),*) => {$(
        impl sealed::Sealed for $type {}
        impl Element for $type {
            const DTYPE: Dtype = Dtype::$dtype;
            fn erase(values: Cow<'_, [Self]>) -> Elements<'_> {
                Elements::$dtype(values)
            }
        }
    )*};
}

element!(i64 => I64, u64 => U64, f32 => F32, i32 => I32, u32 => U32, u16 => U16, i8 => I8, u8 => U8);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn block_search_agrees_with_the_plain_one(
            len in 0usize..3000,
            bad in proptest::collection::vec((0usize..3000, prop::sample::select(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY])), 0..3),
        ) {
            let mut values = vec![f32::MIN_POSITIVE / 2.0; len];
            for (at, value) in bad {
                if at < len {
                    values[at] = value;
                }
            }
            prop_assert_eq!(first_not_finite(&values), values.iter().position(|v| !v.is_finite()));
        }
    }

    #[test]
    fn widths_are_those_of_the_types() {
        for dtype in Dtype::ALL {
            assert_eq!(Dtype::from_name(dtype.name()), Some(dtype));
        }
        assert_eq!(<f32 as Element>::DTYPE.width(), size_of::<f32>());
        assert_eq!(<u16 as Element>::DTYPE.width(), size_of::<u16>());
        assert_eq!(Dtype::from_name("BF16"), None);
    }
}
