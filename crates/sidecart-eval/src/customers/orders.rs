use sidecart_core::{Money, Time};

/// An order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Order {
    /// When.
    pub time: Time,
    /// What was paid, where prices are known.
    pub paid: Option<Money>,
}

/// Orders by customer; each customer's rise in time.
#[derive(Clone, Debug, Default)]
pub struct CustomerOrders {
    orders: Vec<Order>,
    /// End of each customer's orders, with the segment.
    customers: Vec<(usize, Option<u16>)>,
}

impl CustomerOrders {
    /// Adds a customer. Orders out of time order are sorted; a customer without orders is left out.
    pub fn push(&mut self, segment: Option<u16>, orders: impl IntoIterator<Item = Order>) {
        let start = self.orders.len();
        self.orders.extend(orders);
        if self.orders.len() > start {
            self.orders[start..].sort_by_key(|order| order.time);
            self.customers.push((self.orders.len(), segment));
        }
    }

    /// Number of customers.
    #[must_use]
    pub fn n_customers(&self) -> usize {
        self.customers.len()
    }

    /// The newest time of any order.
    #[must_use]
    pub fn last_time(&self) -> Option<Time> {
        self.orders.iter().map(|order| order.time).max()
    }

    /// The orders of each customer of a segment, or of all.
    pub fn of(&self, segment: Option<u16>) -> impl Iterator<Item = &[Order]> + Clone {
        let starts = std::iter::once(0).chain(self.customers.iter().map(|(end, _)| *end));
        starts
            .zip(&self.customers)
            .filter(move |(_, (_, of))| segment.is_none() || *of == segment)
            .map(|(start, (end, _))| &self.orders[start..*end])
    }
}
