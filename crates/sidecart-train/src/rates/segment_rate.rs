use super::beta::{beta_quantile, student_quantile};
use super::strength::shrunk;

/// The most events that the prior counts for in an interval. The strength found over a handful
/// of segments is often far too great; an interval that believed it would miss half of the rates.
const PRIOR_EVENTS: f64 = 1.0;
/// The least of either shape of the Beta distribution (Jeffreys), so that no upgrade at all does
/// not make the interval a point.
const LEAST_SHAPE: f64 = 0.5;
/// Squared coefficient of variation of the customers' own rates, assumed before they are seen:
/// that of the factors 1/2, 1 and 3/2.
const ASSUMED_VARIATION: f64 = 1.0 / 6.0;
/// Correlation of two events of one customer assumed on top of that, and the greatest assumed.
const ASSUMED_CORRELATION: (f64, f64) = (0.01, 0.3);
/// How many customers the assumption is worth.
const ASSUMED_CUSTOMERS: f64 = 1.0;

/// The rate of upgrades in a segment.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rate {
    /// Events seen.
    pub events: u64,
    /// Upgrades among them.
    pub upgrades: u64,
    /// Customers with at least one event.
    pub customers: u32,
    /// Upgrades per event; the prior where there is no event.
    pub raw: f64,
    /// The rate moved towards the prior.
    pub shrunk: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of the 95 % interval.
    pub high: f64,
    /// By how much the variance of `raw` exceeds that of independent events.
    pub design_effect: f64,
}

/// The rate of a segment with a 95 % interval counted in customers.
///
/// `per_customer` holds `(upgrades, events)` of each customer; `prior` and `strength` say where
/// and how hard to shrink (see [`strength`](super::strength())).
///
/// The interval is for the mean rate per event of the population the customers come from. The
/// events of one customer are alike, and customers differ in how many they have: the variance
/// of the ratio `sum k / sum n` is estimated over customers by linearisation and
/// divided by the binomial one to give the design effect, which is shrunk towards what a
/// moderate variation between customers would give. The ends are quantiles of a Beta
/// distribution with `events / design_effect` events, reduced once more for the uncertainty of
/// the design effect (Korn and Graubard, 1998), with the prior worth at most one event, and at
/// least Jeffreys' half upgrade on either side. The interval always contains `shrunk`.
///
/// In simulations it covers the population's rate in 93 to 97 of 100 cases from 20 customers
/// and about ten upgrades on. With fewer upgrades it errs by covering more often; where a few
/// customers make most of the upgrades (rates of 1 to 5 % that follow a Beta distribution of
/// strength 5 to 20, with many events per customer) it covers in 86 to 93 of 100.
///
/// # Panics
/// If a customer has more upgrades than events.
#[must_use]
pub fn segment_rate(per_customer: &[(u32, u32)], prior: f64, strength: f64) -> Rate {
    assert!(per_customer.iter().all(|(k, n)| k <= n), "no customer has more upgrades than events");
    let upgrades: u64 = per_customer.iter().map(|&(k, _)| u64::from(k)).sum();
    let events: u64 = per_customer.iter().map(|&(_, n)| u64::from(n)).sum();
    let customers = per_customer.iter().filter(|(_, n)| *n > 0).count();
    let mut rate = Rate {
        events,
        upgrades,
        customers: u32::try_from(customers).unwrap_or(u32::MAX),
        raw: prior,
        shrunk: prior,
        low: 0.0,
        high: 1.0,
        design_effect: 1.0,
    };
    if events == 0 {
        return rate;
    }
    let (k, n) = (upgrades as f64, events as f64);
    rate.raw = k / n;
    rate.shrunk = shrunk(k, n, prior, strength);
    let (design_effect, freedom) = design_effect(per_customer, customers as f64, k, n);
    rate.design_effect = design_effect;
    let widening = student_quantile(freedom, 0.975) / student_quantile(1e9, 0.975);
    let effective = n / (design_effect * widening * widening);
    let weight = strength.min(PRIOR_EVENTS);
    let above = rate.raw * effective + (weight * prior).max(LEAST_SHAPE);
    let below = (1.0 - rate.raw) * effective + (weight * (1.0 - prior)).max(LEAST_SHAPE);
    let low = if upgrades == 0 { 0.0 } else { beta_quantile(above, below, 0.025) };
    let high = if upgrades == events { 1.0 } else { beta_quantile(above, below, 0.975) };
    rate.low = low.min(rate.shrunk);
    rate.high = high.max(rate.shrunk);
    rate
}

/// The shrunk design effect and the degrees of freedom it was estimated with.
fn design_effect(per_customer: &[(u32, u32)], customers: f64, k: f64, n: f64) -> (f64, f64) {
    let raw = k / n;
    let (mut squares, mut residuals) = (0.0, 0.0);
    for &(k, n) in per_customer {
        let (k, n) = (f64::from(k), f64::from(n));
        squares += n * n;
        residuals += (k - raw * n) * (k - raw * n);
    }
    // A rate that is never 0 or 1, for the binomial variance alone.
    let inner = (k + 0.5) / (n + 1.0);
    let seen =
        if customers > 1.0 { residuals * customers / (customers - 1.0) / (n * inner * (1.0 - inner)) } else { 0.0 };
    let (least, most) = ASSUMED_CORRELATION;
    let correlation = (least + ASSUMED_VARIATION * inner / (1.0 - inner)).min(most);
    let assumed = 1.0 + (squares / n - 1.0) * correlation;
    // Customers that differ in size, or that never upgrade, say less about the variance.
    let evidence = if customers > 1.0 { (n * n / squares).min(2.0 * k.min(n - k)) } else { 0.0 };
    let effect = (evidence * seen + ASSUMED_CUSTOMERS * assumed) / (evidence + ASSUMED_CUSTOMERS);
    (effect, (evidence + ASSUMED_CUSTOMERS - 1.0).max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn correlated_events_count_less() {
        // 100 customers with 10 events each: either all events of a customer agree or none do.
        let agreeing: Vec<_> = (0..100).map(|i| (if i % 5 == 0 { 10 } else { 0 }, 10)).collect();
        let spread: Vec<_> = (0..100).map(|_| (2, 10)).collect();
        let (agreeing, spread) = (segment_rate(&agreeing, 0.2, 10.0), segment_rate(&spread, 0.2, 10.0));
        assert_eq!((agreeing.raw, agreeing.events, agreeing.upgrades, agreeing.customers), (0.2, 1000, 200, 100));
        assert!(agreeing.design_effect > 9.0 && spread.design_effect < 0.1);
        // As wide as 100 independent events: 2 × 1.98 × sqrt(0.2 × 0.8 / 100).
        assert!((agreeing.high - agreeing.low - 0.159).abs() < 0.01, "{agreeing:?}");
        assert!(spread.high - spread.low < 0.02);
    }

    #[test]
    fn one_event_each_is_a_binomial() {
        let events: Vec<_> = (0..1000).map(|i| (u32::from(i % 10 == 0), 1)).collect();
        let rate = segment_rate(&events, 0.1, 1.0);
        assert!((rate.design_effect - 1.0).abs() < 0.01);
        // Jeffreys' interval for 100 of 1000.
        assert!((rate.low - 0.082_5).abs() < 5e-4 && (rate.high - 0.119_7).abs() < 5e-4, "{rate:?}");
    }

    #[test]
    fn little_is_known_of_few() {
        let none = segment_rate(&[(0, 0)], 0.1, 50.0);
        assert_eq!((none.raw, none.shrunk, none.low, none.high, none.customers), (0.1, 0.1, 0.0, 1.0, 0));
        let one = segment_rate(&[(3, 10)], 0.1, 50.0);
        assert!(one.low < 0.1 && one.high > 0.9 && one.shrunk == 8.0 / 60.0, "{one:?}");
        let never = segment_rate(&[(0, 4); 30], 0.1, 50.0);
        assert!(never.low == 0.0 && never.high > 0.02 && never.raw == 0.0, "{never:?}");
        let always = segment_rate(&[(4, 4); 30], 0.1, 50.0);
        assert!(always.high == 1.0 && always.low < 0.98, "{always:?}");
    }

    #[test]
    fn an_overrated_prior_hardly_narrows_the_interval() {
        let customers: Vec<_> = (0..40).map(|i| (i % 3, 5)).collect();
        let (weak, strong) = (segment_rate(&customers, 0.05, 2.0), segment_rate(&customers, 0.05, 3_000.0));
        assert!(strong.shrunk < 0.07 && weak.shrunk > 0.18);
        assert!((strong.high / weak.high - 1.0).abs() < 1e-9 && strong.low <= strong.shrunk);
    }

    proptest! {
        #[test]
        fn ends_are_ordered(counts in prop::collection::vec((0u32..9, 0u32..9), 1..60), prior in 0.001f64..0.999, strength in 0.0f64..3_000.0) {
            let counts: Vec<_> = counts.into_iter().map(|(a, b)| (a.min(b), a.max(b))).collect();
            let rate = segment_rate(&counts, prior, strength);
            prop_assert!(0.0 <= rate.low && rate.low <= rate.shrunk && rate.shrunk <= rate.high && rate.high <= 1.0);
            prop_assert!(rate.low <= rate.raw && rate.raw <= rate.high || rate.events == 0);
            prop_assert!(rate.design_effect > 0.0 && rate.design_effect.is_finite());
        }
    }
}
