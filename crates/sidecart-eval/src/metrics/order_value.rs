use sidecart_core::Money;

/// An offer with what it would change.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ValuedOffer {
    /// Probability that it is taken, 0..=1.
    pub p: f64,
    /// What the order gains when it is: the price of what is added, the price step of what is
    /// replaced.
    pub delta: Money,
}

/// An order with offers beside it, in the currency.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct OrderValue {
    /// Without any offer taken.
    pub before: f64,
    /// What the offers are expected to add.
    pub uplift: f64,
}

impl OrderValue {
    /// The expected value of the order.
    #[must_use]
    pub fn expected(&self) -> f64 {
        self.before + self.uplift
    }
}

/// The expected value of an order with a list of offers: the sum of `p * delta`.
///
/// A mean of probabilities of single offers: each counts as if taken apart from the others, so of
/// several that exclude each other (two upgrades of one item) give the one that is shown first. With
/// probabilities of natural purchases this is what is bought with the list, not because of it;
/// [`ArmTable`](crate::intervals::ArmTable) measures the latter. O(offers).
#[must_use]
pub fn order_value(before: Money, offers: &[ValuedOffer]) -> OrderValue {
    let uplift = offers.iter().map(|offer| offer.p * offer.delta.to_f64()).sum();
    OrderValue { before: before.to_f64(), uplift }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::mean;

    fn offer(p: f64, delta: f64) -> ValuedOffer {
        ValuedOffer { p, delta: Money::from_f64(delta).unwrap() }
    }

    #[test]
    fn by_hand() {
        // A case for 20 with 1 in 4, a dearer phone (+200) with 1 in 50.
        let value = order_value(Money::from_f64(799.0).unwrap(), &[offer(0.25, 20.0), offer(0.02, 200.0)]);
        assert_eq!(value, OrderValue { before: 799.0, uplift: 9.0 });
        assert_eq!(value.expected(), 808.0);
        let without = order_value(Money::from_f64(201.0).unwrap(), &[]);
        assert_eq!((without.uplift, without.expected()), (0.0, 201.0));
        assert_eq!(mean([value, without].map(|v| v.expected())), Some(504.5));
        assert_eq!(mean([value, without].map(|v| v.uplift)), Some(4.5));
    }

    #[test]
    fn certain_offers_are_basket_arithmetic() {
        let value = order_value(Money::from_f64(10.5).unwrap(), &[offer(1.0, 4.25), offer(0.0, 99.0)]);
        assert_eq!(value.expected(), 14.75);
    }
}
