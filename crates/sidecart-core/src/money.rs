use std::fmt;

/// An amount of money in ten-thousandths of the shop's currency.
///
/// Whole numbers, so that sums do not depend on the order of the rows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(transparent)]
pub struct Money(pub i64);

/// A number of pieces (or kilograms) in thousandths.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(transparent)]
pub struct Quantity(pub i64);

fn round_scaled(value: f64, scale: f64, limit: f64) -> Option<i64> {
    let scaled = (value * scale).round();
    (scaled.abs() <= limit).then_some(scaled as i64)
}

impl Money {
    /// Units of [`Money`] in one of the currency.
    pub const SCALE: i64 = 10_000;
    /// The largest amount of one row, in the currency: one thousand million.
    pub const MAX_ROW: f64 = 1e9;

    /// Rounds to the nearest ten-thousandth; `None` for NaN and for amounts beyond ±[`MAX_ROW`](Self::MAX_ROW).
    #[must_use]
    pub fn from_f64(value: f64) -> Option<Self> {
        round_scaled(value, Self::SCALE as f64, Self::MAX_ROW * Self::SCALE as f64).map(Self)
    }

    /// The amount in the currency.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / Self::SCALE as f64
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.to_f64())
    }
}

impl Quantity {
    /// Units of [`Quantity`] in one piece.
    pub const SCALE: i64 = 1_000;
    /// The largest quantity of one row: one million pieces.
    pub const MAX_ROW: f64 = 1e6;
    /// One piece.
    pub const ONE: Self = Self(Self::SCALE);

    /// Rounds to the nearest thousandth; `None` for NaN and for more than [`MAX_ROW`](Self::MAX_ROW) pieces.
    #[must_use]
    pub fn from_f64(value: f64) -> Option<Self> {
        round_scaled(value, Self::SCALE as f64, Self::MAX_ROW * Self::SCALE as f64).map(Self)
    }

    /// The quantity in pieces.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / Self::SCALE as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_and_refuses() {
        assert_eq!(Money::from_f64(1.99), Some(Money(19_900)));
        assert_eq!(Money::from_f64(-0.00004), Some(Money(0)));
        assert_eq!(Money::from_f64(f64::NAN), None);
        assert_eq!(Money::from_f64(1e12), None);
        assert_eq!(Quantity::from_f64(0.345), Some(Quantity(345)));
        assert_eq!(Money(12_345).to_string(), "1.23");
    }
}
