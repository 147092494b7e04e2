use sidecart_core::Money;

use super::Order;

/// Orders with a known amount, and their sum.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AverageOrder {
    /// Sum of what was paid, exact.
    pub total: i128,
    /// Orders behind it.
    pub n_orders: u64,
}

impl AverageOrder {
    /// Adds an order, where its amount is known.
    pub fn add(&mut self, paid: Option<Money>) {
        if let Some(paid) = paid {
            self.total += i128::from(paid.0);
            self.n_orders += 1;
        }
    }

    /// The average order value in the currency; `None` without an order.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        (self.n_orders > 0).then(|| self.total as f64 / self.n_orders as f64 / Money::SCALE as f64)
    }

    /// This sum without a part of it.
    #[must_use]
    pub fn without(&self, part: &Self) -> Self {
        Self { total: self.total - part.total, n_orders: self.n_orders - part.n_orders }
    }
}

/// The average over orders; those of unknown amount are left out. O(orders).
#[must_use]
pub fn average_order<'a>(orders: impl IntoIterator<Item = &'a Order>) -> AverageOrder {
    let mut sum = AverageOrder::default();
    orders.into_iter().for_each(|order| sum.add(order.paid));
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidecart_core::Time;

    #[test]
    fn to_the_cent() {
        let order = |paid: Option<i64>| Order { time: Time(0), paid: paid.map(Money) };
        // 19.99 + 5.01 + 0.03 = 25.03 over three; one is unknown.
        let orders = [order(Some(199_900)), order(None), order(Some(50_100)), order(Some(300))];
        let average = average_order(&orders);
        assert_eq!((average.total, average.n_orders), (250_300, 3));
        assert!((average.value().unwrap() - 25.03 / 3.0).abs() < 1e-12);
        assert_eq!(average_order(&orders[1..2]).value(), None);
        let largest = vec![order(Some(i64::MAX)); 3];
        assert_eq!(average_order(&largest).total, 3 * i128::from(i64::MAX));
        assert_eq!(average.without(&average_order(&orders[..1])).value(), Some(2.52));
    }
}
