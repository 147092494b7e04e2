/// What is summed for one pair of items while the baskets that hold both are visited.
///
/// Each basket carries a label, a `u32` whose meaning is the accumulator's: a weight or a
/// customer. The default value means that no basket was added.
pub trait Accumulator: Copy + Default + Send + Sync {
    /// Whether no basket was added yet.
    fn is_empty(self) -> bool;
    /// Adds a basket with this label.
    fn add(&mut self, label: u32);
}

/// The number of baskets; the label is ignored.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct BasketCount(pub u32);

impl Accumulator for BasketCount {
    #[inline]
    fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[inline]
    fn add(&mut self, _label: u32) {
        self.0 += 1;
    }
}

/// A sum of labels, each at least 1.
pub trait WeightSum: Accumulator {
    /// The largest sum that fits.
    const LIMIT: u64;
    /// The sum.
    fn weight(self) -> u64;
}

/// A sum of weights below 2^32; only for items whose own total is within the limit.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct NarrowWeight(u32);

impl Accumulator for NarrowWeight {
    #[inline]
    fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[inline]
    fn add(&mut self, label: u32) {
        self.0 += label;
    }
}

impl WeightSum for NarrowWeight {
    const LIMIT: u64 = u32::MAX as u64;

    #[inline]
    fn weight(self) -> u64 {
        u64::from(self.0)
    }
}

/// A sum of weights. 2^32 lines of at most 2^16 stay below 2^48.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct WideWeight(u64);

impl Accumulator for WideWeight {
    #[inline]
    fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[inline]
    fn add(&mut self, label: u32) {
        self.0 += u64::from(label);
    }
}

impl WeightSum for WideWeight {
    const LIMIT: u64 = u64::MAX;

    #[inline]
    fn weight(self) -> u64 {
        self.0
    }
}

/// Baskets and their weights together.
pub trait PairSum: Accumulator {
    /// Largest number of baskets of one item for which no sum of weights up to
    /// [`WEIGHT_ONE`](super::WEIGHT_ONE) overflows.
    const MAX_BASKETS: u64;
    /// Number of baskets.
    fn n_baskets(self) -> u32;
    /// Sum of the weights.
    fn weight(self) -> u64;
}

/// 24 bits of baskets above 40 bits of weight: one addition a basket.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct PackedSum(u64);

impl Accumulator for PackedSum {
    #[inline]
    fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[inline]
    fn add(&mut self, label: u32) {
        self.0 += (1 << 40) | u64::from(label);
    }
}

impl PairSum for PackedSum {
    // 2^24 - 1 baskets of weight 2^16 sum to less than 2^40.
    const MAX_BASKETS: u64 = (1 << 24) - 1;

    #[inline]
    fn n_baskets(self) -> u32 {
        (self.0 >> 40) as u32
    }

    #[inline]
    fn weight(self) -> u64 {
        self.0 & ((1 << 40) - 1)
    }
}

/// Two full sums, for items in more than 2^24 - 1 baskets.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct WideSum {
    n_baskets: u32,
    weight: u64,
}

impl Accumulator for WideSum {
    #[inline]
    fn is_empty(self) -> bool {
        self.n_baskets == 0
    }

    #[inline]
    fn add(&mut self, label: u32) {
        self.n_baskets += 1;
        self.weight += u64::from(label);
    }
}

impl PairSum for WideSum {
    const MAX_BASKETS: u64 = u32::MAX as u64;

    #[inline]
    fn n_baskets(self) -> u32 {
        self.n_baskets
    }

    #[inline]
    fn weight(self) -> u64 {
        self.weight
    }
}

/// Distinct customers and baskets; labels are customer numbers from 1 in non-decreasing order.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct CustomerCount {
    last_customer: u32,
    /// Customers with at least one basket.
    pub n_customers: u32,
    /// Baskets.
    pub n_baskets: u32,
}

impl Accumulator for CustomerCount {
    #[inline]
    fn is_empty(self) -> bool {
        self.n_baskets == 0
    }

    #[inline]
    fn add(&mut self, label: u32) {
        self.n_customers += u32::from(self.last_customer != label);
        self.last_customer = label;
        self.n_baskets += 1;
    }
}
