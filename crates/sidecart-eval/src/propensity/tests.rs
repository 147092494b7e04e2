use proptest::prelude::*;
use sidecart_core::Rng;

use super::*;
use crate::{EvalError, Role};

/// A made-up shop: customers with their own chance, two segments, one proxy of price sensitivity.
struct Shop {
    cases: UpgradeCases,
    predictions: Vec<Predictions>,
    segments: Vec<String>,
}

fn shop(n_customers: u32, per_customer: u32) -> Shop {
    let mut rng = Rng::new(3, 0);
    let mut cases = UpgradeCases::default();
    let (mut truth, mut global, mut backwards) = (Vec::new(), Vec::new(), Vec::new());
    let mut fifths = Vec::new();
    for customer in 0..n_customers {
        let chance = 0.4 * rng.unit();
        for period in 0..per_customer {
            let p = (chance + 0.2 * rng.unit()).min(1.0);
            let upgraded = rng.chance(p);
            let expected = 0.5 + 2.0 * rng.unit();
            let gain = if upgraded { expected * (0.5 + rng.unit()) } else { 0.0 };
            let full_price = upgraded && rng.chance(0.4);
            cases.customers.push(customer);
            cases.segments.push((!customer.is_multiple_of(11)).then_some((customer % 2) as u16));
            cases.periods.push(i64::from(period) + 100);
            cases.upgraded.push(upgraded);
            cases.gains.push(gain);
            cases.net_gains.push(Some(if full_price { gain } else { 0.6 * gain - 0.1 }));
            cases.full_price.push(full_price);
            cases.expected_gains.push(expected);
            cases.labels.push(if customer.is_multiple_of(10) { Label::Replacement } else { Label::Repeat });
            cases.n_prior.push(1 + period);
            fifths.push(Some((customer % 5) as u8));
            truth.push(p);
            global.push(0.3);
            backwards.push(1.0 - p);
        }
    }
    cases.sensitivities.push(Sensitivity { name: "deal share".into(), fifths });
    let model = |name: &str, p, is_baseline| Predictions { name: name.into(), p, is_baseline };
    Shop {
        cases,
        predictions: vec![
            model("global rate", global, true),
            model("truth", truth, false),
            model("backwards", backwards, false),
        ],
        segments: vec!["even".into(), "odd".into()],
    }
}

impl Shop {
    fn inputs(&self) -> UpsellInputs<'_> {
        UpsellInputs {
            cases: &self.cases,
            segments: &self.segments,
            predictions: &self.predictions,
            default_model: "truth",
            reference: "global rate",
            targets: None,
            discovery: None,
        }
    }

    fn build(&self) -> Result<UpsellReport, EvalError> {
        UpsellReport::build(&self.inputs(), &params())
    }

    fn error(&self) -> String {
        self.build().unwrap_err().to_string()
    }
}

fn params() -> UpsellParams {
    UpsellParams { resamples: 200, ..Default::default() }
}

#[test]
fn the_true_chance_beats_the_global_rate() {
    let report = shop(120, 8).build().unwrap();
    let [global, truth, backwards] = &report.models[..] else { panic!("three models") };
    assert_eq!((global.auc.value, global.role, global.difference), (0.5, Role::Baseline, None));
    let gained = truth.difference.unwrap();
    assert!(gained.auc.low > 0.0 && gained.log_loss.high < 0.0 && gained.gain_at_20.value > 0.0, "{gained:?}");
    assert!((backwards.auc.value - (1.0 - truth.auc.value)).abs() < 1e-8);
    assert!(backwards.ece.value > 0.3 && truth.ece.value < 0.1);
    // The differences are those of the values.
    assert!((gained.auc.value - (truth.auc.value - global.auc.value)).abs() < 2e-9);
    assert!((gained.log_loss.value - (truth.log_loss.value - global.log_loss.value)).abs() < 2e-9);
    assert!((gained.gain_at_20.value - (truth.gain_at_20.value - global.gain_at_20.value)).abs() < 2e-9);
    for row in &report.models {
        for e in
            [row.auc, row.average_precision, row.log_loss, row.brier, row.ece, row.gain_at_5, row.gain_at_20, row.qini]
        {
            assert!(
                e.low <= e.value && e.value <= e.high && e.low < e.high || row.name == "global rate",
                "{}",
                row.name
            );
        }
        let curve = &row.gain_curve;
        assert_eq!((curve.len(), curve[0], curve[50]), (51, 0.0, 1.0));
        assert!((curve[10] - row.gain_at_20.value).abs() < 2e-9 && (curve[5] - row.gain_at_10.value).abs() < 2e-9);
        assert!(curve.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(row.reliability.iter().map(|bin| bin.n_cases).sum::<usize>(), 960);
    }
    assert_eq!(report.best_baseline().map(|row| row.name.as_str()), Some("global rate"));
}

#[test]
fn groups_add_up_to_all_cases() {
    let report = shop(120, 8).build().unwrap();
    assert_eq!(report.segments.iter().map(|g| g.name.as_str()).collect::<Vec<_>>(), ["even", "odd", "without segment"]);
    for groups in [&report.segments, &report.labels, &report.histories] {
        assert_eq!(groups.iter().map(|group| group.n_cases).sum::<usize>(), report.facts.n_cases);
        assert_eq!(groups.iter().map(|group| group.n_upgrades).sum::<usize>(), report.facts.n_upgrades);
    }
    for group in &report.segments {
        let rate = group.rate.unwrap();
        assert!((rate.value - group.n_upgrades as f64 / group.n_cases as f64).abs() < 2e-9);
        assert!(rate.low < rate.value && rate.value < rate.high);
    }
    assert!(report.segments[0].auc.unwrap().value > report.segments[0].reference_auc.unwrap().value);
    assert_eq!(report.histories.iter().map(|g| g.name.as_str()).collect::<Vec<_>>(), ["1-2", "3 or more"]);
}

#[test]
fn small_groups_show_no_auc() {
    let mut shop = shop(120, 8);
    // Ten customers of the third segment, whose few upgrades are taken away.
    shop.segments.push("small".into());
    let mut n_left = 0;
    for case in 0..shop.cases.len() {
        if shop.cases.customers[case] < 12 {
            shop.cases.segments[case] = Some(2);
            if shop.cases.upgraded[case] {
                n_left += 1;
                if n_left > 19 {
                    shop.cases.upgraded[case] = false;
                    shop.cases.gains[case] = 0.0;
                    shop.cases.full_price[case] = false;
                }
            }
        }
    }
    let report = shop.build().unwrap();
    let small = report.segments.iter().find(|group| group.name == "small").unwrap();
    assert_eq!((small.n_upgrades, small.n_customers, small.auc, small.reference_auc), (19, 12, None, None));
    assert!(small.rate.is_some() && small.ece.is_some());
    assert!(report.to_table().contains("too few"), "{}", report.to_table());
    assert!(report.warnings.iter().any(|warning| warning.contains("small: 19 upgrades are too few")));
}

#[test]
fn fifths_show_what_their_customers_bought() {
    let shop = shop(120, 8);
    let report = shop.build().unwrap();
    let fifths = &report.sensitivities[0].fifths;
    assert_eq!(fifths.iter().map(|row| row.n_cases).sum::<usize>(), 960);
    for row in fifths {
        let (all, full, discount) =
            (row.upgrade_rate.unwrap(), row.full_price_rate.unwrap(), row.discount_share.unwrap());
        assert!((full.value - all.value * (1.0 - discount.value)).abs() < 1e-8);
        let cases = || (0..960).filter(|&case| shop.cases.customers[case] % 5 == u32::from(row.fifth - 1));
        let list: f64 = cases().map(|case| shop.cases.gains[case]).sum();
        assert!((row.list_gain_per_case.unwrap().value - list / row.n_cases as f64).abs() < 1e-8);
        assert!(row.net_gain_per_case.unwrap().value < row.list_gain_per_case.unwrap().value);
    }
    assert_eq!(report.suppressions.len(), 6);
    // By hand: the best 192 of 960 cases, once of all and once of those outside the fifth.
    let score = |case: usize| shop.predictions[1].p[case] * shop.cases.expected_gains[case];
    let captured = |suppressed: Option<u32>| -> f64 {
        let mut offered: Vec<usize> =
            (0..960).filter(|&case| Some(shop.cases.customers[case] % 5) != suppressed).collect();
        offered.sort_by(|&a, &b| score(b).total_cmp(&score(a)));
        offered[..192]
            .iter()
            .map(|&case| shop.cases.net_gains[case].filter(|_| shop.cases.upgraded[case]).unwrap_or(0.0))
            .sum()
    };
    for (fifth, row) in (0..).zip(&report.suppressions[..5]) {
        assert!((row.share_of_cases - 0.2).abs() < 1e-9 && (0.0..0.5).contains(&row.share_of_offers));
        let net = row.net_gain.unwrap();
        assert!((net.value - (captured(Some(fifth)) / captured(None) - 1.0)).abs() < 1e-8);
        assert!(net.low < net.value && net.value < net.high);
    }
    let lowest = &report.suppressions[5];
    assert_eq!((lowest.proxy.as_ref(), lowest.list_gain.unwrap().value, lowest.share_of_offers), (None, 0.0, 0.0));
    assert!(report.suppression_conclusion.unwrap().contains("by deal share"));
}

#[test]
fn a_missing_net_gain_leaves_net_figures_out() {
    let mut shop = shop(120, 8);
    let stayed = shop.cases.upgraded.iter().position(|&up| !up).unwrap();
    shop.cases.net_gains[stayed] = None;
    let lacks_net = |report: &UpsellReport| report.warnings.iter().any(|w| w.contains("net figures are left out"));
    assert!(!lacks_net(&shop.build().unwrap()));
    let upgrade = shop.cases.upgraded.iter().position(|&up| up).unwrap();
    shop.cases.net_gains[upgrade] = None;
    let report = shop.build().unwrap();
    assert!(report.sensitivities[0].fifths.iter().all(|row| row.net_gain_per_case.is_none()));
    assert!(report.suppressions.iter().all(|row| row.net_gain.is_none() && row.list_gain.is_some()));
    assert!(lacks_net(&report));
    assert!(report.suppression_conclusion.unwrap().contains("list price gain"));
}

#[test]
fn too_little_is_refused() {
    assert!(shop(9, 30).error().starts_with("number of customers is 9, expected 10 or more"));
    let mut few = shop(40, 2);
    let mut n_left = 0;
    for case in 0..few.cases.len() {
        n_left += u32::from(few.cases.upgraded[case]);
        if n_left > 10 {
            few.cases.upgraded[case] = false;
            few.cases.gains[case] = 0.0;
            few.cases.full_price[case] = false;
        }
    }
    assert!(few.error().starts_with("number of upgrades is 10, expected 30 or more"), "{}", few.error());
    let mut all = shop(40, 2);
    all.cases.upgraded.fill(true);
    assert!(all.error().starts_with("number of cases without an upgrade is 0"));
    let mut free = shop(120, 8);
    free.cases.gains.fill(0.0);
    assert!(free.error().starts_with("list price gain of all upgrades is 0"));
}

#[test]
fn wrong_columns_are_refused() {
    let broken = |change: &dyn Fn(&mut Shop)| {
        let mut shop = shop(120, 8);
        change(&mut shop);
        shop.error()
    };
    assert_eq!(
        broken(&|shop| {
            shop.cases.periods.pop();
        }),
        "periods is 959 long for 960 cases, expected one value per case"
    );
    assert!(broken(&|shop| shop.predictions[1].p[7] = f64::NAN).starts_with("p is NaN in row 7"));
    assert!(broken(&|shop| shop.predictions[1].p[7] = 1.1).starts_with("p is 1.1 in row 7"));
    assert!(broken(&|shop| shop.predictions[1].name = "global rate".into()).contains("\"global rate\" twice"));
    assert!(broken(&|shop| shop.predictions[1].name = "other".into()).starts_with("default_model is \"truth\""));
    assert!(broken(&|shop| shop.cases.segments[3] = Some(2)).starts_with("query 3 is of segment 2"));
    assert!(broken(&|shop| shop.cases.expected_gains[0] = -0.1).starts_with("expected_gains is -0.1"));
    assert!(broken(&|shop| shop.cases.sensitivities[0].fifths[0] = Some(5)).starts_with("fifths is 5"));
    let stayed = |shop: &Shop| shop.cases.upgraded.iter().position(|&up| !up).unwrap();
    assert!(
        broken(&|shop| {
            let at = stayed(shop);
            shop.cases.gains[at] = 1.0;
        })
        .starts_with("gains is of an upgrade")
    );
    assert!(
        broken(&|shop| {
            let at = stayed(shop);
            shop.cases.full_price[at] = true;
        })
        .starts_with("gains is of an")
    );
    let shop = shop(120, 8);
    let targets = TargetCases {
        customers: vec![1],
        is_new: vec![true],
        gains: vec![1.0],
        rankings: vec![Rankings { name: "x".into(), ranks: vec![Some(0)], is_baseline: false }],
    };
    let inputs = UpsellInputs { targets: Some(&targets), ..shop.inputs() };
    assert!(UpsellReport::build(&inputs, &params()).unwrap_err().to_string().starts_with("targets is rank 0"));
}

#[test]
fn neither_rows_nor_threads_change_the_report() {
    let first = shop(60, 5);
    let report = first.build().unwrap();
    let single = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(report, single.install(|| first.build().unwrap()));

    let mut order: Vec<usize> = (0..first.cases.len()).collect();
    Rng::new(8, 0).shuffle(&mut order);
    let mut shuffled = shop(60, 5);
    fn permute<T: Clone>(column: &mut Vec<T>, order: &[usize]) {
        *column = order.iter().map(|&row| column[row].clone()).collect();
    }
    let cases = &mut shuffled.cases;
    permute(&mut cases.customers, &order);
    permute(&mut cases.segments, &order);
    permute(&mut cases.periods, &order);
    permute(&mut cases.upgraded, &order);
    permute(&mut cases.gains, &order);
    permute(&mut cases.net_gains, &order);
    permute(&mut cases.full_price, &order);
    permute(&mut cases.expected_gains, &order);
    permute(&mut cases.labels, &order);
    permute(&mut cases.n_prior, &order);
    permute(&mut cases.sensitivities[0].fifths, &order);
    shuffled.predictions.iter_mut().for_each(|model| permute(&mut model.p, &order));
    assert_eq!(report, shuffled.build().unwrap());
}

#[test]
fn the_report_survives_json_and_shows_everything() {
    let mut shop = shop(120, 8);
    shop.segments[0] = "<even>".into();
    let upgrades: Vec<usize> = (0..960).filter(|&case| shop.cases.upgraded[case]).collect();
    let targets = TargetCases {
        customers: upgrades.iter().map(|&case| shop.cases.customers[case]).collect(),
        is_new: upgrades.iter().map(|case| case % 2 == 0).collect(),
        gains: upgrades.iter().map(|&case| shop.cases.gains[case]).collect(),
        rankings: vec![
            Rankings {
                name: "truth".into(),
                ranks: upgrades.iter().map(|&c| (c % 7 > 0).then_some(c as u32 % 7)).collect(),
                is_baseline: false,
            },
            Rankings {
                name: "next tier up".into(),
                ranks: upgrades.iter().map(|&c| Some(1 + c as u32 % 9)).collect(),
                is_baseline: true,
            },
        ],
    };
    let few = TargetCases { customers: vec![1], is_new: vec![true], gains: vec![1.0], rankings: vec![] };
    let inputs = UpsellInputs { targets: Some(&targets), discovery: Some(&few), ..shop.inputs() };
    let report = UpsellReport::build(&inputs, &params()).unwrap();
    assert_eq!(serde_json::from_str::<UpsellReport>(&report.to_json()).unwrap(), report);
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    for field in
        ["auc", "average_precision", "log_loss", "brier", "ece", "gain_at_5", "gain_at_10", "gain_at_20", "qini"]
    {
        for end in ["value", "low", "high"] {
            assert!(json["models"][1][field][end].is_number(), "{field}.{end}");
        }
    }
    assert!(report.discovery.is_none() && report.warnings.iter().any(|warning| warning.starts_with("discovery: 1 ")));

    let table = report.to_table();
    for text in [
        "global rate (baseline)",
        "next tier up (baseline)",
        "By customer segment",
        "random group without offers",
        "minus that of next tier up",
    ] {
        assert!(table.contains(text), "{text}\n{table}");
    }
    let html = report.to_html();
    assert!(html.contains("&lt;even&gt;") && !html.contains("<even>") && !html.contains("<script"));
    for id in ["reliability", "gain", "segments", "sensitivity-0"] {
        assert_eq!(html.matches(&format!("<title id=\"{id}-title\">")).count(), 1, "{id}");
    }
    assert!(!html.contains("NaN") && !html.contains("inf\""));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn weights_are_repeated_customers(weights in proptest::collection::vec(0u32..4, 12), seed: u64) {
        // The plain value on customers taken as often as they weigh.
        let mut rng = Rng::new(seed, 0);
        let rows: Vec<(u32, f64, f64)> = (0..60)
            .map(|i| (i % 12, rng.below(8) as f64 / 8.0, f64::from(u8::from(rng.chance(0.4)))))
            .collect();
        let columns = |rows: &[(u32, f64, f64)]| -> (Vec<u32>, Vec<f64>, Vec<f64>) {
            (rows.iter().map(|r| r.0).collect(), rows.iter().map(|r| r.1).collect(), rows.iter().map(|r| r.2).collect())
        };
        let repeated: Vec<_> =
            rows.iter().flat_map(|&row| std::iter::repeat_n(row, weights[row.0 as usize] as usize)).collect();
        let weights: Vec<f64> = weights.iter().map(|&weight| f64::from(weight)).collect();
        let (clusters, p, upgraded) = columns(&rows);
        let weighted = Ranked::new(&p, &upgraded, &clusters, 12);
        let (clusters, p, upgraded) = columns(&repeated);
        let plain = Ranked::new(&p, &upgraded, &clusters, 12);
        let ones = [1.0; 12];
        for (got, expected) in [
            (metrics::auc(&weighted, &weights), metrics::auc(&plain, &ones)),
            (metrics::average_precision(&weighted, &weights), metrics::average_precision(&plain, &ones)),
            (metrics::qini(&weighted, &weights), metrics::qini(&plain, &ones)),
            (
                metrics::captured_gain(&weighted, &weights, &[0.2]).map(|share| share[0]),
                metrics::captured_gain(&plain, &ones, &[0.2]).map(|share| share[0]),
            ),
        ] {
            prop_assert_eq!(got.is_some(), expected.is_some());
            prop_assert!((got.unwrap_or(0.0) - expected.unwrap_or(0.0)).abs() < 1e-12);
        }
    }
}
