use super::Estimate;
use super::wilson::wilson_share;

/// Sums of one unit: weight and accepted weight, shown and held out.
#[derive(Clone, Copy, Debug, Default)]
struct Unit {
    weight: [f64; 2],
    accepted: [f64; 2],
}

/// The part of a comparison that an exposure belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arm {
    /// The offer was shown.
    Shown = 0,
    /// The offer was withheld.
    HeldOut = 1,
}

/// Acceptances of two arms by unit (a customer or a request).
///
/// Exposures of one unit are alike, and whoever sees ten offers can accept one only, so that units
/// are what varies and never exposures.
#[derive(Clone, Debug, Default)]
pub struct ArmTable {
    units: Vec<Unit>,
    /// Sums of weights and of their squares over exposures.
    weights: [(f64, f64); 2],
}

/// Rates of acceptance, and what the offers brought about.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
pub struct ArmRates {
    /// Share of shown offers whose item was bought.
    pub shown: Estimate,
    /// The same for offers that were withheld: what is bought anyway.
    pub held_out: Estimate,
    /// The difference: bought because of the offer.
    pub incremental: Estimate,
    /// Units with a shown offer.
    pub n_units_shown: u64,
    /// Units with a withheld offer.
    pub n_units_held_out: u64,
}

impl ArmTable {
    /// A table without units.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a new unit; exposures are added to the newest one.
    pub fn begin_unit(&mut self) {
        self.units.push(Unit::default());
    }

    /// Adds an exposure with a weight above 0 (one over the probability of its arm). An exposure
    /// before the first unit is ignored.
    pub fn add(&mut self, arm: Arm, accepted: bool, weight: f64) {
        let Some(unit) = self.units.last_mut() else { return };
        unit.weight[arm as usize] += weight;
        unit.accepted[arm as usize] += weight * f64::from(u8::from(accepted));
        let (sum, squares) = &mut self.weights[arm as usize];
        *sum += weight;
        *squares += weight * weight;
    }

    /// The rates with 95 % intervals; `None` unless both arms have an exposure.
    ///
    /// A rate is a ratio of weighted sums; its variance between units, linearised, says how many
    /// independent exposures it is worth, and Wilson's interval is taken at that number (Korn and
    /// Graubard: Confidence Intervals for Proportions with Small Expected Number of Positive
    /// Counts Estimated from Survey Data, 1998). The interval of the difference joins both
    /// (Newcombe: Interval Estimation for the Difference between Independent Proportions, 1998).
    /// It holds with few acceptances, and is too wide rather than too narrow where units are in
    /// both arms. O(units).
    #[must_use]
    pub fn rates(&self) -> Option<ArmRates> {
        let (shown, n_units_shown) = self.rate(Arm::Shown)?;
        let (held_out, n_units_held_out) = self.rate(Arm::HeldOut)?;
        let value = shown.value - held_out.value;
        let root = |a: f64, b: f64| (a * a + b * b).sqrt();
        let incremental = Estimate {
            value,
            low: value - root(shown.value - shown.low, held_out.high - held_out.value),
            high: value + root(shown.high - shown.value, held_out.value - held_out.low),
        };
        Some(ArmRates { shown, held_out, incremental, n_units_shown, n_units_held_out })
    }

    fn rate(&self, arm: Arm) -> Option<(Estimate, u64)> {
        let arm = arm as usize;
        let units = || self.units.iter().map(|unit| (unit.weight[arm], unit.accepted[arm])).filter(|unit| unit.0 > 0.0);
        let (total, squares) = self.weights[arm];
        if total <= 0.0 {
            return None;
        }
        let n_units = units().count() as f64;
        let share = (units().map(|unit| unit.1).sum::<f64>() / total).clamp(0.0, 1.0);
        let spread: f64 = units().map(|(weight, accepted)| (accepted - share * weight).powi(2)).sum();
        let variance = spread / (total * total) * (n_units / (n_units - 1.0).max(1.0));
        // Kish's number of equally weighted exposures is the most that they can be worth.
        let most = (total * total / squares).max(1.0);
        let worth = if variance > 0.0 { share * (1.0 - share) / variance } else { n_units };
        Some((wilson_share(share, worth.clamp(1.0, most)), n_units as u64))
    }
}

#[cfg(test)]
mod tests {
    use sidecart_core::Rng;

    use super::*;
    use crate::intervals::wilson;

    /// One exposure a unit, of weight 1.
    fn plain(shown: (u64, u64), held_out: (u64, u64)) -> ArmTable {
        let mut table = ArmTable::new();
        for (arm, (n_accepted, n)) in [(Arm::Shown, shown), (Arm::HeldOut, held_out)] {
            for at in 0..n {
                table.begin_unit();
                table.add(arm, at < n_accepted, 1.0);
            }
        }
        table
    }

    #[test]
    fn single_exposures_give_the_known_intervals() {
        // Newcombe's example: 56/70 - 48/80 = 0.2, from 0.0524 to 0.3339.
        let rates = plain((56, 70), (48, 80)).rates().unwrap();
        let near = |a: f64, b: f64| (a - b).abs() < 0.002;
        assert!((rates.incremental.value - 0.2).abs() < 1e-12);
        assert!(near(rates.incremental.low, 0.0524) && near(rates.incremental.high, 0.3339), "{rates:?}");
        let expected = wilson(56, 70).unwrap();
        assert!(near(rates.shown.low, expected.low) && near(rates.shown.high, expected.high));
        assert_eq!((rates.n_units_shown, rates.n_units_held_out), (70, 80));
    }

    #[test]
    fn nothing_accepted_still_has_a_width() {
        let rates = plain((0, 400), (0, 100)).rates().unwrap();
        assert_eq!(rates.incremental.value, 0.0);
        assert!(rates.incremental.low < -0.01 && rates.incremental.high > 0.005, "{rates:?}");
        assert_eq!(plain((3, 10), (0, 0)).rates(), None);
        assert_eq!(ArmTable::new().rates(), None);
    }

    #[test]
    fn alike_exposures_of_a_unit_count_once() {
        let mut tens = ArmTable::new();
        let mut singles = ArmTable::new();
        for at in 0..200 {
            for arm in [Arm::Shown, Arm::HeldOut] {
                tens.begin_unit();
                singles.begin_unit();
                singles.add(arm, at % 4 == 0, 1.0);
                (0..10).for_each(|_| tens.add(arm, at % 4 == 0, 1.0));
            }
        }
        let (tens, singles) = (tens.rates().unwrap(), singles.rates().unwrap());
        assert_eq!(tens.incremental.value, singles.incremental.value);
        assert!((tens.incremental.margin() - singles.incremental.margin()).abs() < 1e-9);
    }

    #[test]
    fn weights_undo_unequal_chances() {
        // Two halves with rates 0.1 and 0.5; the second is shown a tenth as often.
        let mut rng = Rng::new(4, 0);
        let mut table = ArmTable::new();
        for at in 0..40_000 {
            let (rate, chance) = if at % 2 == 0 { (0.1, 0.9) } else { (0.5, 0.09) };
            table.begin_unit();
            let (arm, p) = if rng.chance(chance) { (Arm::Shown, chance) } else { (Arm::HeldOut, 1.0 - chance) };
            table.add(arm, rng.chance(rate), 1.0 / p);
        }
        let rates = table.rates().unwrap();
        assert!((rates.shown.value - 0.3).abs() < 0.03 && (rates.held_out.value - 0.3).abs() < 0.03, "{rates:?}");
        assert!(rates.incremental.low < 0.0 && rates.incremental.high > 0.0);
    }

    /// Share of intervals that hold the planted effect. Customers differ, have one to six
    /// exposures, and are held out whole or exposure by exposure.
    fn coverage(natural: f64, effect: f64, whole: bool, n_customers: usize) -> f64 {
        let n_trials = 800;
        let n_covered = (0..n_trials)
            .filter(|&trial| {
                let mut rng = Rng::new(23, trial);
                let mut table = ArmTable::new();
                for _ in 0..n_customers {
                    let liking = 2.0 * rng.unit();
                    let customer_held_out = rng.chance(0.3);
                    table.begin_unit();
                    for _ in 0..1 + rng.below(6) {
                        let held_out = if whole { customer_held_out } else { rng.chance(0.3) };
                        let (arm, weight, rate) = if held_out {
                            (Arm::HeldOut, 1.0 / 0.3, natural)
                        } else {
                            (Arm::Shown, 1.0 / 0.7, natural + effect)
                        };
                        table.add(arm, rng.chance(liking * rate), weight);
                    }
                }
                let found = table.rates().unwrap().incremental;
                found.low <= effect && effect <= found.high
            })
            .count();
        n_covered as f64 / n_trials as f64
    }

    #[test]
    fn about_nineteen_of_twenty_intervals_hold_the_effect() {
        for (natural, effect) in [(0.2, 0.1), (0.05, 0.02), (0.3, 0.0)] {
            let share = coverage(natural, effect, true, 400);
            assert!((0.925..=0.98).contains(&share), "{natural} {effect}: {share}");
        }
        // Few acceptances: about two in the hold-out.
        let share = coverage(0.01, 0.01, true, 200);
        assert!((0.92..=1.0).contains(&share), "{share}");
        // Customers in both arms: at least as wide as it has to be.
        let share = coverage(0.2, 0.1, false, 400);
        assert!((0.93..=1.0).contains(&share), "{share}");
    }
}
