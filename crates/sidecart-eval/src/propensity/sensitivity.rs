use serde::{Deserialize, Serialize};

use super::resamples::Resamples;
use super::sample::Sample;
use super::{Sensitivity, UpgradeCases, UpsellParams};
use crate::intervals::Estimate;
use crate::report::build::{rounded_estimate, widen_at_the_ends};

/// First stream of the resamples of fifths.
const STREAM: u64 = 2 << 20;

/// Upgrades by price sensitivity, after one proxy.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SensitivityTable {
    /// Name of the proxy.
    pub name: String,
    /// The fifths from the least to the most price-sensitive.
    pub fifths: Vec<FifthRow>,
}

/// Upgrades of one fifth of price sensitivity; values are `None` below 20 cases or 10 customers.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FifthRow {
    /// 1 = least price-sensitive to 5 = most.
    pub fifth: u8,
    /// Number of cases.
    pub n_cases: usize,
    /// Number of upgrades.
    pub n_upgrades: usize,
    /// Number of different customers.
    pub n_customers: usize,
    /// Share of cases that are upgrades.
    pub upgrade_rate: Option<Estimate>,
    /// Share of cases that are upgrades without discount.
    pub full_price_rate: Option<Estimate>,
    /// Share of upgrades that are on discount.
    pub discount_share: Option<Estimate>,
    /// List price gain per case.
    pub list_gain_per_case: Option<Estimate>,
    /// Net gain per case.
    pub net_gain_per_case: Option<Estimate>,
}

/// Measures every fifth of every proxy.
pub(super) fn measure(
    cases: &UpgradeCases,
    net_gains: Option<&[f64]>,
    order: &[usize],
    params: &UpsellParams,
) -> Vec<SensitivityTable> {
    let fifths = |proxy_idx: u64, proxy: &Sensitivity| {
        let row = |fifth: u8| {
            let sample = Sample::new(&cases.customers, order, |case| proxy.fifths[case] == Some(fifth));
            let stream = STREAM + proxy_idx * 5 + u64::from(fifth);
            measure_fifth(cases, net_gains, &sample, fifth + 1, stream, params)
        };
        (0..5).map(row).collect()
    };
    (0..)
        .zip(&cases.sensitivities)
        .map(|(i, proxy)| SensitivityTable { name: proxy.name.clone(), fifths: fifths(i, proxy) })
        .collect()
}

fn measure_fifth(
    cases: &UpgradeCases,
    net_gains: Option<&[f64]>,
    sample: &Sample,
    fifth: u8,
    stream: u64,
    params: &UpsellParams,
) -> FifthRow {
    let upgraded = sample.upgrades(cases);
    let mut row = FifthRow {
        fifth,
        n_cases: sample.len(),
        n_upgrades: upgraded.iter().filter(|&&up| up > 0.0).count(),
        n_customers: sample.n_clusters,
        upgrade_rate: None,
        full_price_rate: None,
        discount_share: None,
        list_gain_per_case: None,
        net_gain_per_case: None,
    };
    if !sample.is_measurable() {
        return row;
    }
    let full_price: Vec<f64> = sample.members.iter().map(|&case| f64::from(u8::from(cases.full_price[case]))).collect();
    let on_discount: Vec<f64> = upgraded.iter().zip(&full_price).map(|(up, full)| up - full).collect();
    let list = sample.pick(&cases.gains);
    let net = net_gains.map(|gains| sample.pick(gains));
    let mut columns: Vec<&[f64]> = vec![&upgraded, &full_price, &list];
    columns.extend(net.as_deref());
    let Some(means) = sample.table(&columns).bootstrap(params.seed, stream, params.resamples) else { return row };

    let widened = |estimate| rounded_estimate(widen_at_the_ends(estimate, sample.n_clusters as u64));
    row.upgrade_rate = Some(widened(means.estimate(0)));
    row.full_price_rate = Some(widened(means.estimate(1)));
    row.list_gain_per_case = Some(rounded_estimate(means.estimate(2)));
    row.net_gain_per_case = net.is_some().then(|| rounded_estimate(means.estimate(3)));
    row.discount_share =
        Resamples { seed: params.seed, stream, n_resamples: params.resamples, n_clusters: sample.n_clusters }
            .ratio(&sample.sums(&on_discount, &upgraded))
            .map(rounded_estimate);
    row
}
