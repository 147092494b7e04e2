use super::TreeParams;
use super::histogram::{Cell, FixedPoint};

/// A gain below this share of the children's scores is rounding.
const MIN_RELATIVE_GAIN: f64 = 1e-10;

/// Where a leaf is cut in two.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Split {
    /// Fall of the loss in its second-order approximation, times two, before the learning rate.
    pub(super) gain: f64,
    /// The feature.
    pub(super) feature: usize,
    /// The greatest code that goes left.
    pub(super) bin: u8,
    /// Sums of the rows that go left.
    pub(super) left: Cell,
}

/// What a split must keep to.
#[derive(Clone, Copy, Debug)]
pub(super) struct SplitRules {
    pub(super) min_rows: usize,
    pub(super) min_hessian: f64,
    pub(super) lambda: f64,
}

impl SplitRules {
    pub(super) fn new(params: &TreeParams) -> Self {
        Self { min_rows: params.min_leaf_rows as usize, min_hessian: params.min_leaf_hessian, lambda: params.lambda_l2 }
    }

    /// The Newton step of a leaf: the score change that minimises the approximate loss.
    pub(super) fn leaf_value(&self, (gradient, hessian): (f64, f64)) -> f64 {
        let curvature = hessian + self.lambda;
        if curvature > 0.0 { -gradient / curvature } else { 0.0 }
    }

    /// What the Newton step of a leaf takes off the loss, times two.
    fn leaf_score(&self, sums @ (gradient, _): (f64, f64)) -> f64 {
        -gradient * self.leaf_value(sums)
    }

    /// The best split of a leaf with sums `total` by one feature, the first of equals; `None` if
    /// none is allowed or lowers the loss.
    pub(super) fn best(&self, feature: usize, histogram: &[Cell], total: Cell, fixed: &FixedPoint) -> Option<Split> {
        let mut best: Option<Split> = None;
        let mut least_gain = 0.0;
        let parent_score = self.leaf_score(fixed.decode(total));
        let mut left = [0i64; 2];
        for (bin, cell) in histogram.iter().enumerate() {
            if cell[1] == 0 {
                continue;
            }
            left = [left[0] + cell[0], left[1] + cell[1]];
            let right = [total[0] - left[0], total[1] - left[1]];
            if fixed.count(right) < self.min_rows {
                break;
            }
            if fixed.count(left) < self.min_rows {
                continue;
            }
            let (left_sums, right_sums) = (fixed.decode(left), fixed.decode(right));
            if left_sums.1 < self.min_hessian || right_sums.1 < self.min_hessian {
                continue;
            }
            let children_score = self.leaf_score(left_sums) + self.leaf_score(right_sums);
            let gain = children_score - parent_score;
            if gain > least_gain && gain > MIN_RELATIVE_GAIN * children_score {
                least_gain = gain;
                best = Some(Split { gain, feature, bin: bin as u8, left });
            }
        }
        best
    }
}

/// The split of greater gain, the first of equals.
pub(super) fn better(a: Option<Split>, b: Option<Split>) -> Option<Split> {
    match (a, b) {
        (Some(first), Some(second)) if second.gain > first.gain => Some(second),
        (Some(first), _) => Some(first),
        (None, second) => second,
    }
}

/// The best splits of a histogram pair, for reduction over features.
pub(super) fn better_pair(a: [Option<Split>; 2], b: [Option<Split>; 2]) -> [Option<Split>; 2] {
    [better(a[0], b[0]), better(a[1], b[1])]
}
