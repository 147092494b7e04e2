//! Sizes that compare: what a size measures, and bands of nearly equal sizes.

use sidecart_data::SizeUnit;

/// What a size measures.
///
/// Mass and volume are one: shops write the same product as "16 OZ" (which in the United States is
/// either), "PT" and "473 ML". Both are counted in ounces of their kind, so that a pint and 16
/// ounces are equal and 500 g and 500 ml are within 5 %.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Measure {
    /// No size, or none that can be read.
    Unknown,
    /// Mass or volume.
    Contents,
    /// Pieces.
    Pieces,
    /// Length.
    Length,
    /// Area.
    Area,
}

/// What a unit measures, and how many of that measure's own unit one of it is.
pub(super) fn measure(unit: SizeUnit) -> (Measure, f64) {
    match unit {
        SizeUnit::Gram => (Measure::Contents, 1.0 / 28.349_523_125),
        SizeUnit::Millilitre => (Measure::Contents, 1.0 / 29.573_529_562_5),
        SizeUnit::Piece => (Measure::Pieces, 1.0),
        SizeUnit::Metre => (Measure::Length, 1.0),
        SizeUnit::SquareMetre => (Measure::Area, 1.0),
    }
}

/// The smallest size of every band, rising: a band begins at the first size that is more than
/// `step` times the beginning of the one before. `sizes` must rise. O(sizes).
pub(super) fn band_starts(sizes: impl Iterator<Item = f64>, step: f64) -> Vec<f64> {
    let mut starts: Vec<f64> = Vec::new();
    for size in sizes {
        if starts.last().is_none_or(|&start| size > start * step) {
            starts.push(size);
        }
    }
    starts
}

/// The band of a size: the last one that begins at or below it, the first for smaller ones. Sizes
/// equal but for rounding (16 OZ, 1 LB) are one.
pub(super) fn band_of(starts: &[f64], size: f64) -> usize {
    starts.partition_point(|&start| start < size * 1.0001).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_same_contents_are_in_one_band() {
        let ounces = |text| {
            let (amount, unit) = sidecart_data::parse_size(text).unwrap();
            let (measure, scale) = measure(unit);
            assert_eq!(measure, Measure::Contents);
            amount * scale
        };
        let starts = band_starts([8.0, 12.0, ounces("16 OZ"), 20.0, 32.0].into_iter(), 1.35);
        assert_eq!(starts, [8.0, 12.0, 20.0, 32.0]);
        for text in ["16 OZ", "1 PT", "1 LB", "16 FL OZ", "473 ML", "454 G"] {
            assert_eq!(band_of(&starts, ounces(text)), 1, "{text}");
        }
        assert_eq!((band_of(&starts, 1.0), band_of(&starts, 500.0)), (0, 3));
    }

    proptest! {
        #[test]
        fn a_band_spans_at_most_one_step(mut sizes in prop::collection::vec(0.1f64..100.0, 1..40), step in 1.0f64..3.0) {
            sizes.sort_by(f64::total_cmp);
            let starts = band_starts(sizes.iter().copied(), step);
            prop_assert!(starts.windows(2).all(|w| w[1] > w[0] * step));
            for size in sizes {
                let start = starts[band_of(&starts, size)];
                prop_assert!(start <= size * 1.0001 && size <= start * step);
            }
        }
    }
}
