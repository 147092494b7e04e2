//! The space that segments are learned in.

use serde::{Deserialize, Serialize};

use super::behaviour::{BEHAVIOUR, Behaviour};

/// Positions in [`BEHAVIOUR`] of what tells customers apart. Not `tenure`, which says when
/// somebody came, nor the two means beyond the product mix, which repeat the shares.
pub const CLUSTERED: [usize; 9] = [0, 1, 2, 3, 5, 6, 7, 10, 11];

/// Values beyond so many standard deviations count as that many.
const CLIP: f32 = 4.0;
/// All shares of spend together weigh as much as so many behaviours.
const MIX_COLUMNS: f64 = 4.0;
/// A column that varies less says nothing.
const MIN_SD: f64 = 1e-6;

/// A customer as segments see one.
#[derive(Clone, PartialEq, Debug)]
pub struct CustomerState {
    /// Baskets so far.
    pub n_baskets: u32,
    /// Behaviour so far.
    pub behaviour: Behaviour,
    /// Root shares of spend, see [`MixTracker::root_shares`](super::MixTracker::root_shares).
    pub mix: Vec<f32>,
}

/// Standardised behaviours ([`CLUSTERED`]), clipped, then weighted root shares of spend.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Space {
    mean: [f32; BEHAVIOUR.len()],
    inverse_sd: [f32; BEHAVIOUR.len()],
    mix_mean: Vec<f32>,
    mix_inverse_sd: Vec<f32>,
    mix_weight: f32,
}

/// Mean and standard deviation, summed in the order of the values.
fn moments(values: impl Iterator<Item = f32> + Clone) -> (f64, f64) {
    let n = values.clone().count().max(1) as f64;
    let mean = values.clone().map(f64::from).sum::<f64>() / n;
    let variance = values.map(|v| (f64::from(v) - mean) * (f64::from(v) - mean)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

fn inverse(sd: f64) -> f32 {
    if sd > MIN_SD { (1.0 / sd) as f32 } else { 0.0 }
}

impl Space {
    /// The space in which these customers have mean 0 and standard deviation 1.
    pub(super) fn new(customers: &[&CustomerState], n_mix: usize) -> Self {
        let mut space = Self {
            mean: [0.0; BEHAVIOUR.len()],
            inverse_sd: [0.0; BEHAVIOUR.len()],
            mix_mean: Vec::with_capacity(n_mix),
            mix_inverse_sd: Vec::with_capacity(n_mix),
            mix_weight: 0.0,
        };
        for column in CLUSTERED {
            let (mean, sd) = moments(customers.iter().map(|c| c.behaviour[column]));
            (space.mean[column], space.inverse_sd[column]) = (mean as f32, inverse(sd));
        }
        let mut variance = 0.0;
        for column in 0..n_mix {
            let (mean, sd) = moments(customers.iter().map(|c| c.mix[column]));
            space.mix_mean.push(mean as f32);
            space.mix_inverse_sd.push(inverse(sd));
            variance += sd * sd;
        }
        space.mix_weight = inverse((variance / MIX_COLUMNS).sqrt());
        space
    }

    /// Numbers of a point.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        CLUSTERED.len() + self.mix_mean.len()
    }

    /// The point of a customer; a missing share of spend counts as average.
    #[must_use]
    pub fn point(&self, behaviour: &Behaviour, mix: &[f32]) -> Vec<f32> {
        let behaviours = CLUSTERED
            .iter()
            .map(|&column| ((behaviour[column] - self.mean[column]) * self.inverse_sd[column]).clamp(-CLIP, CLIP));
        let share = |column: usize| mix.get(column).copied().unwrap_or(self.mix_mean[column]);
        let mixes = (0..self.mix_mean.len()).map(|column| (share(column) - self.mix_mean[column]) * self.mix_weight);
        behaviours.chain(mixes).collect()
    }

    /// A point with every column in standard deviations.
    pub(super) fn in_deviations(&self, point: &[f64]) -> Vec<f64> {
        let scale = |column: usize| match column.checked_sub(CLUSTERED.len()) {
            Some(share) if self.mix_weight > 0.0 => f64::from(self.mix_inverse_sd[share]) / f64::from(self.mix_weight),
            _ => 1.0,
        };
        point.iter().enumerate().map(|(column, value)| value * scale(column)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_the_weights_that_are_promised() {
        let customers: Vec<CustomerState> = (0..40u8)
            .map(|i| CustomerState {
                n_baskets: 9,
                behaviour: std::array::from_fn(|c| if c == 3 { 7.0 } else { f32::from(i) * (c as f32 + 1.0) }),
                mix: vec![f32::from(i % 3) / 3.0, f32::from(i % 5) / 9.0],
            })
            .collect();
        let space = Space::new(&customers.iter().collect::<Vec<_>>(), 2);
        let points: Vec<Vec<f32>> = customers.iter().map(|c| space.point(&c.behaviour, &c.mix)).collect();
        let variance = |column: usize| moments(points.iter().map(|p| p[column])).1.powi(2);
        for (column, behaviour) in CLUSTERED.into_iter().enumerate() {
            let expected = if behaviour == 3 { 0.0 } else { 1.0 };
            assert!((variance(column) - expected).abs() < 1e-4, "{column}");
        }
        assert!((variance(9) + variance(10) - 4.0).abs() < 1e-4);
        let mut far = customers[0].behaviour;
        far[0] = 1e9;
        assert_eq!(space.point(&far, &[])[0], CLIP);
        assert_eq!(space.point(&far, &[])[9..], [0.0, 0.0]);
        let deviations = space.in_deviations(&points[5].iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
        let (mean, sd) = moments(customers.iter().map(|c| c.mix[1]));
        assert!((deviations[10] - (f64::from(customers[5].mix[1]) - mean) / sd).abs() < 1e-4);
    }
}
