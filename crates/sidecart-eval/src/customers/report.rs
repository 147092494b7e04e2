use serde::{Deserialize, Serialize};

use super::{CustomerOrders, average_order, days_to_next_order, headroom, retention};
use crate::intervals::Estimate;
use crate::report::build::{rounded, rounded_estimate};

/// What customers are worth, all of them and by segment; numbers rounded to nine decimals.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SegmentReport {
    /// Days in which a customer has to come back to count as retained.
    pub within_days: u32,
    /// All customers, then one row a segment.
    pub rows: Vec<SegmentRow>,
}

/// What the customers of a segment are worth; amounts in the currency.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SegmentRow {
    /// `all customers` or the label of the segment.
    pub name: String,
    /// Customers with an order.
    pub n_customers: u64,
    /// Their orders.
    pub n_orders: u64,
    /// Average order value; none without prices.
    pub average_order_value: Option<f64>,
    /// Share of customers who order again within the days; none where times are a bare order, or
    /// the history is shorter.
    pub retention: Option<Estimate>,
    /// Median days from an order to the next; none where most waits outlast the history.
    pub days_to_next_order: Option<f64>,
    /// Mean over customers of what an order lacks to the average of the others of the segment.
    pub headroom_per_order: Option<f64>,
    /// What all orders of the history lack to it.
    pub headroom: Option<f64>,
}

impl SegmentReport {
    /// A report over all orders of known customers; segments are indices into `names`. `has_days`
    /// says whether differences of times are durations. O(orders log orders) for each segment.
    #[must_use]
    pub fn new(orders: &CustomerOrders, names: &[String], within_days: u32, has_days: bool) -> Self {
        let segments = (0u16..).zip(names).map(|(segment, name)| (Some(segment), name.as_str()));
        let rows = std::iter::once((None, "all customers"))
            .chain(segments)
            .map(|(segment, name)| row(orders, segment, name, within_days, has_days))
            .collect();
        Self { within_days, rows }
    }

    /// The cells of a table, with a header row.
    pub(crate) fn grid(&self) -> Vec<Vec<String>> {
        use crate::report::numbers::{count, share};
        let header = ["segment", "customers", "orders", "order value", "retention", "days to next", "headroom"];
        let money = |value: Option<f64>| value.map_or_else(|| "-".into(), |value| format!("{value:.2}"));
        let mut grid = vec![header.map(str::to_owned).to_vec()];
        grid.extend(self.rows.iter().map(|row| {
            vec![
                row.name.clone(),
                count(row.n_customers as usize),
                count(row.n_orders as usize),
                money(row.average_order_value),
                row.retention.map_or_else(|| "-".into(), |e| format!("{} ±{}", share(e.value), share(e.margin()))),
                row.days_to_next_order.map_or_else(|| "-".into(), |days| format!("{days:.1}")),
                money(row.headroom_per_order),
            ]
        }));
        grid
    }

    /// What the columns say.
    pub(crate) fn legend(&self) -> Vec<(&'static str, String)> {
        vec![
            ("order value", "average order value: paid for an order".into()),
            (
                "retention",
                format!(
                    "share of customers who order again within {} days of their first order (± by Wilson)",
                    self.within_days
                ),
            ),
            ("days to next", "median days to a customer's next order, waits that the end cuts off included".into()),
            ("headroom", "what a customer's order lacks to the average of the segment's others, 0 above it".into()),
        ]
    }
}

fn row(orders: &CustomerOrders, segment: Option<u16>, name: &str, within_days: u32, has_days: bool) -> SegmentRow {
    let customers = || orders.of(segment);
    let end = orders.last_time().filter(|_| has_days);
    let headroom = headroom(customers());
    SegmentRow {
        name: name.to_owned(),
        n_customers: customers().count() as u64,
        n_orders: customers().map(|orders| orders.len() as u64).sum(),
        average_order_value: average_order(customers().flatten()).value().map(rounded),
        retention: end
            .and_then(|end| retention(customers(), end, within_days.into()))
            .map(|found| rounded_estimate(found.share)),
        days_to_next_order: end.and_then(|end| days_to_next_order(customers(), end)).map(rounded),
        headroom_per_order: headroom.map(|headroom| rounded(headroom.per_order)),
        headroom: headroom.map(|headroom| rounded(headroom.at_stake)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customers::Order;
    use sidecart_core::{MICROS_PER_DAY, Money, Time};

    fn order(day: i64, paid: f64) -> Order {
        Order { time: Time(day * MICROS_PER_DAY), paid: Money::from_f64(paid) }
    }

    fn orders() -> CustomerOrders {
        let mut orders = CustomerOrders::default();
        orders.push(Some(0), [order(10, 20.0), order(0, 10.0)]); // out of order
        orders.push(Some(1), [order(0, 90.0)]);
        orders.push(Some(1), []);
        orders.push(None, [order(60, 30.0)]);
        orders.push(Some(1), [order(1, 100.0), order(50, 110.0)]);
        orders
    }

    #[test]
    fn segments_beside_all() {
        let report = SegmentReport::new(&orders(), &["thrifty".into(), "lavish".into()], 30, true);
        let [all, thrifty, lavish] = &report.rows[..] else { panic!("{report:?}") };
        assert_eq!((all.n_customers, all.n_orders, all.average_order_value), (4, 6, Some(60.0)));
        assert_eq!((thrifty.n_customers, thrifty.average_order_value), (1, Some(15.0)));
        assert_eq!((lavish.n_customers, lavish.n_orders, lavish.average_order_value), (2, 3, Some(100.0)));
        // Of three who began 30 days before the end one came back in time.
        assert!((all.retention.unwrap().value - 1.0 / 3.0).abs() < 1e-9);
        assert_eq!(thrifty.retention.unwrap().value, 1.0);
        assert_eq!(lavish.retention.unwrap().value, 0.0);
        // 90 against (100 + 110) / 2.
        assert_eq!((lavish.headroom_per_order, lavish.headroom), (Some(7.5), Some(15.0)));
        assert_eq!(thrifty.headroom, None);
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<SegmentReport>(&json).unwrap(), report);
        assert_eq!(report.grid()[3][..4], ["lavish", "2", "3", "100.00"]);
    }

    #[test]
    fn a_bare_order_of_times_has_no_days() {
        let report = SegmentReport::new(&orders(), &[], 30, false);
        assert_eq!((report.rows[0].retention, report.rows[0].days_to_next_order), (None, None));
        assert_eq!(report.rows[0].average_order_value, Some(60.0));
        let nobody = SegmentReport::new(&CustomerOrders::default(), &[], 30, true);
        assert_eq!((nobody.rows[0].n_customers, nobody.rows[0].average_order_value), (0, None));
    }
}
