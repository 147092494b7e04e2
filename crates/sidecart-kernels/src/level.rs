use std::sync::OnceLock;

/// An instruction set that every kernel is written for.
///
/// Results never depend on it, only speed does. Asking for a level above the machine's own is
/// harmless: the best supported one is used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// Portable Rust.
    Plain,
    /// 256-bit vectors with fused multiply-add (x86-64-v3).
    Avx2,
    /// 512-bit vectors with int8 dot products (F, BW, DQ, VL and VNNI).
    Avx512,
}

impl Level {
    /// All levels, slowest first.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Avx2, Self::Avx512];

    /// The best level of this machine, looked up once.
    #[inline]
    #[must_use]
    pub fn best() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(detect)
    }

    /// This level, or the machine's best when that is lower.
    #[inline]
    #[must_use]
    pub fn supported(self) -> Self {
        self.min(Self::best())
    }
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Level {
    if !(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")) {
        return Level::Plain;
    }
    let wide = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vnni");
    if wide { Level::Avx512 } else { Level::Avx2 }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Level {
    Level::Plain
}

/// Calls a kernel of the module that belongs to a level.
macro_rules! dispatch {
    ($level:expr, $kernel:ident($($argument:expr),* $(,)?)) => {
        match $crate::Level::supported($level) {
            // SAFETY: `supported` returns a level only when the machine has all its features.
            #[cfg(target_arch = "x86_64")]
            $crate::Level::Avx512 => unsafe { $crate::avx512::$kernel($($argument),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            $crate::Level::Avx2 => unsafe { $crate::avx2::$kernel($($argument),*) },
            _ => $crate::plain::$kernel($($argument),*),
        }
    };
}
pub(crate) use dispatch;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_level_exceeds_the_machine() {
        for level in Level::ALL {
            assert!(level.supported() <= Level::best());
        }
        assert_eq!(Level::Plain.supported(), Level::Plain);
    }
}
