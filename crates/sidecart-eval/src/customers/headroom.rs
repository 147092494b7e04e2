use super::{AverageOrder, Order, average_order};

/// What customers would spend more if their orders were worth what their peers' are, in the
/// currency.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Headroom {
    /// Mean over customers of what an order lacks to the peers' average; 0 for those above it.
    pub per_order: f64,
    /// What all orders of the history lack together.
    pub at_stake: f64,
    /// Customers below their peers' average.
    pub n_below: u64,
}

/// The headroom of a group of customers who are each other's peers.
///
/// A customer is compared with the average order of all *others*. That is a bound on what could be
/// gained and no forecast: half of any group is below its middle. `None` unless two customers have
/// orders of known amount. O(orders).
#[must_use]
pub fn headroom<'a>(customers: impl IntoIterator<Item = &'a [Order]>) -> Option<Headroom> {
    let own: Vec<AverageOrder> =
        customers.into_iter().map(average_order).filter(|average| average.n_orders > 0).collect();
    let all = own.iter().fold(AverageOrder::default(), |sum, one| AverageOrder {
        total: sum.total + one.total,
        n_orders: sum.n_orders + one.n_orders,
    });
    let mut found = Headroom { per_order: 0.0, at_stake: 0.0, n_below: 0 };
    let mut n = 0.0;
    for one in &own {
        let (value, peers) = (one.value()?, all.without(one).value()?);
        n += 1.0;
        if value < peers {
            found.per_order += peers - value;
            found.at_stake += (peers - value) * one.n_orders as f64;
            found.n_below += 1;
        }
    }
    found.per_order /= n;
    (own.len() > 1).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidecart_core::{Money, Time};

    fn orders(paid: &[f64]) -> Vec<Order> {
        paid.iter().map(|&paid| Order { time: Time(0), paid: Money::from_f64(paid) }).collect()
    }

    #[test]
    fn by_hand() {
        // Averages 10 (two orders), 40 (one), 25 (two); others' averages 30, 17.5, 20.
        let customers = [orders(&[8.0, 12.0]), orders(&[40.0]), orders(&[20.0, 30.0])];
        let found = headroom(customers.iter().map(Vec::as_slice)).unwrap();
        assert!((found.per_order - 20.0 / 3.0).abs() < 1e-12);
        assert_eq!((found.at_stake, found.n_below), (40.0, 1));
        assert_eq!(headroom([orders(&[5.0]).as_slice()]), None);
        let unknown = [Order { time: Time(0), paid: None }];
        assert_eq!(headroom([&unknown[..], &unknown[..]]), None);
        let equal = [orders(&[5.0]), orders(&[5.0, 5.0])];
        assert_eq!(headroom(equal.iter().map(Vec::as_slice)).unwrap().at_stake, 0.0);
    }
}
