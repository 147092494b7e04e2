use serde::{Deserialize, Serialize};

use super::equal_mass_bins;
use crate::intervals::{Estimate, wilson};

/// A point of the reliability curve: cases with similar predictions.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Number of cases.
    pub n_cases: usize,
    /// Their mean prediction.
    pub mean_prediction: f64,
    /// Their upgrade rate with Wilson's interval, which takes cases as independent of each other.
    pub observed: Estimate,
}

/// The reliability curve on bins of equal mass, lowest predictions first; empty bins are left
/// out. On the diagonal a prediction of `p` comes true in a share `p` of its cases.
///
/// `upgraded` holds 1 or 0 by case. O(n log n).
#[must_use]
pub fn reliability(p: &[f64], upgraded: &[f64], n_bins: usize) -> Vec<ReliabilityBin> {
    let mut cells = vec![(0usize, 0.0, 0u64); n_bins.clamp(1, 256)];
    for (case, bin) in equal_mass_bins(p, n_bins).into_iter().enumerate() {
        let cell = &mut cells[usize::from(bin)];
        cell.0 += 1;
        cell.1 += p[case];
        cell.2 += u64::from(upgraded[case] > 0.0);
    }
    cells
        .into_iter()
        .filter_map(|(n_cases, sum, n_upgrades)| {
            let observed = wilson(n_upgrades, n_cases as u64)?;
            Some(ReliabilityBin { n_cases, mean_prediction: sum / n_cases as f64, observed })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let bins = reliability(&[0.1, 0.8, 0.3, 0.6], &[0.0, 1.0, 1.0, 1.0], 2);
        assert_eq!(bins.iter().map(|bin| bin.n_cases).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(bins.iter().map(|bin| bin.observed.value).collect::<Vec<_>>(), [0.5, 1.0]);
        assert!((bins[0].mean_prediction - 0.2).abs() < 1e-15 && (bins[1].mean_prediction - 0.7).abs() < 1e-15);
        assert_eq!(Some(bins[0].observed), wilson(1, 2));
        assert_eq!(reliability(&[0.5; 6], &[1.0; 6], 10).len(), 1);
        assert!(reliability(&[], &[], 10).is_empty());
    }
}
