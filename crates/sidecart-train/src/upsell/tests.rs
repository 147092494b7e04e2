use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use sidecart_core::{ItemId, Time, ln};
use sidecart_data::demo::DemoParams;
use sidecart_serve::upsell::{FEATURES, Market, N_FEATURES, PastLine, Periods, Record, Situation, TIER_RATE_STRENGTH};

use super::*;
use crate::catalogue::Catalogue;
use crate::demo_shop::demo_shop;
use crate::ladders;
use crate::segments::{CategoryMeans, LearnMethod, LearnedParams, SegmentInputs};

/// A shop with everything that cases are made with; all knowledge of items is of the whole year.
struct Shop {
    ledger: Ledger,
    table: LadderTable,
    means: CategoryMeans,
    segmentation: Segmentation,
    catalogue: Catalogue,
    found: Ladders,
    periods: Periods,
    first: i32,
    last: i32,
    /// The period at which the future begins.
    now: i32,
}

impl Shop {
    fn knowledge(&self) -> Knowledge<'_> {
        Knowledge {
            ladders: &self.table,
            means: &self.means,
            periods: self.periods,
            plan: None,
            segmentation: &self.segmentation,
            rules: UpsellParams::default().event_rules(),
            behaviour_periods: 4,
        }
    }

    fn sales(&self, ledger: &Ledger) -> Vec<(u32, i32)> {
        let mut sales = Vec::new();
        for basket in 0..ledger.n_baskets() {
            let period = self.periods.of(ledger.basket_times()[basket]);
            let rows = ledger.baskets().get(basket).iter().filter_map(|&item: &ItemId| self.table.row_of(item));
            sales.extend(rows.map(|row| (row, period)));
        }
        sales
    }

    fn market(&self, sales: &[(u32, i32)]) -> Market {
        let n_periods = (self.last - self.first) as usize + 2;
        Market::count(&self.table, self.first, n_periods, sales.iter().copied())
    }

    fn events(&self, histories: &LadderHistories) -> Vec<Event> {
        repeat_events(histories, &self.table, &self.knowledge().rules, self.first + 8..i32::MAX)
    }

    fn cases(&self, ledger: &Ledger, histories: &LadderHistories, market: &Market) -> Cases {
        Cases::new(ledger, histories, self.events(histories), market, &self.knowledge()).0
    }

    /// Segments learned by k-means from what a ledger holds before a period.
    fn learn(&self, ledger: &Ledger, as_of: i32) -> Segmentation {
        let inputs = SegmentInputs { ledger, catalogue: &self.catalogue, ladders: &self.found, periods: &self.periods };
        let params = LearnedParams { learned: LearnMethod::KMeans, k: 5, min_baskets: 4 };
        Segmentation::learn(&inputs, as_of, &params, 1).unwrap()
    }

    /// The cases of a ledger with learned segments.
    fn segmented_cases(&self, ledger: &Ledger, segmentation: &Segmentation) -> (Cases, LadderHistories) {
        let histories = LadderHistories::read(ledger, &self.table, self.periods);
        let market = self.market(&self.sales(ledger));
        let knowledge = Knowledge { segmentation, ..self.knowledge() };
        (Cases::new(ledger, &histories, self.events(&histories), &market, &knowledge).0, histories)
    }

    /// Histories in which every customer buys the top tier of all their ladders in the last period.
    fn planted(&self, histories: &LadderHistories) -> LadderHistories {
        let mut out = LadderHistories::default();
        for group in &histories.groups {
            let (first_record, first_line) = (out.records.len(), out.lines.len());
            out.records.extend_from_slice(histories.records_of(group));
            out.details.extend_from_slice(&histories.details[group.records.clone()]);
            out.lines.extend_from_slice(&histories.lines[group.lines.clone()]);
            let row = self.table.rows_of(group.ladder).end - 1;
            let period = self.last + 1;
            let detail = RecordDetail { time: self.periods.start(period), ..out.details[out.details.len() - 1] };
            out.records.push(Record { period, row });
            out.details.push(detail);
            out.lines.push(PastLine { period, row, paid: 1.0 });
            out.groups.push(Group {
                records: first_record..out.records.len(),
                lines: first_line..out.lines.len(),
                ..group.clone()
            });
        }
        out
    }
}

fn shop() -> &'static Shop {
    static SHOP: OnceLock<Shop> = OnceLock::new();
    SHOP.get_or_init(|| {
        let params = DemoParams { n_customers: 400, n_weeks: 40, ..DemoParams::default() };
        let (_, ledger, catalogue) = demo_shop(&params);
        let ladders = ladders::find(&ledger, &catalogue, &UpsellParams::default().ladders).unwrap();
        let periods = Periods::new(ledger.clock(), 7, day_starts_at(&ledger));
        let of = |time: Option<Time>| periods.of(time.unwrap());
        let (first, last) = (of(ledger.first_time()), of(ledger.last_time()));
        Shop {
            table: ladder_table(&ladders, &catalogue).unwrap(),
            means: CategoryMeans::new(&ledger, &catalogue, &ladders),
            segmentation: Segmentation {
                names: Vec::new(),
                of_customer: vec![None; ledger.customers().len()],
                learned: None,
            },
            catalogue,
            found: ladders,
            periods,
            first,
            last,
            now: first + 28,
            ledger,
        }
    })
}

fn column(name: &str) -> usize {
    FEATURES.iter().position(|feature| *feature == name).unwrap()
}

/// What an event is whatever else a ledger holds, with everything known before it.
type Known<'a> = (u32, u32, Event, &'a [f32; N_FEATURES], Option<u16>, bool);

/// The events before a period with their features.
fn known_before<'a>(cases: &'a Cases, histories: &'a LadderHistories, period: i32) -> Vec<Known<'a>> {
    let n = cases.events.partition_point(|event| event.period < period);
    let known = |i: usize| {
        let event = cases.events[i];
        let group = &histories.groups[event.group as usize];
        let event = Event { group: 0, ..event };
        (group.customer.0, group.ladder, event, cases.row(i), cases.segments[i], cases.planned[i])
    };
    (0..n).map(known).collect()
}

#[test]
fn nothing_later_enters_the_features_of_an_event() {
    let shop = shop();
    let begin = shop.periods.start(shop.now);
    let early = shop.ledger.filter(|basket| shop.ledger.basket_times()[basket] < begin);
    let read = |ledger: &Ledger| LadderHistories::read(ledger, &shop.table, shop.periods);
    let (histories, later) = (read(&early), read(&shop.ledger));
    let cases = shop.cases(&early, &histories, &shop.market(&shop.sales(&early)));
    let expected = known_before(&cases, &histories, shop.now);
    assert_eq!(expected.len(), cases.events.len());
    assert!(expected.len() > 2_000 && expected.iter().any(|known| known.2.upgraded), "{}", expected.len());

    let with_later = shop.cases(&shop.ledger, &later, &shop.market(&shop.sales(&shop.ledger)));
    assert!(with_later.events.len() > cases.events.len() + 500);
    assert_eq!(known_before(&with_later, &later, shop.now), expected);

    // Every customer goes to the top of every ladder in the end.
    let planted = shop.planted(&later);
    let mut sales = shop.sales(&shop.ledger);
    sales.extend(planted.groups.iter().map(|group| (planted.records[group.records.end - 1].row, shop.last + 1)));
    let with_planted = shop.cases(&shop.ledger, &planted, &shop.market(&sales));
    let n_upgraded = |cases: &Cases| cases.events.iter().filter(|event| event.upgraded).count();
    assert!(n_upgraded(&with_planted) > n_upgraded(&with_later) + 500);
    assert_eq!(known_before(&with_planted, &planted, shop.now), expected);
}

/// What is known when only those come back after the future begins who went up just before: their
/// visits, and so what they are as customers at the end, give the outcomes away.
fn only_upgraders_return(shop: &Shop) -> Ledger {
    let histories = LadderHistories::read(&shop.ledger, &shop.table, shop.periods);
    let recent = shop.now - 8..shop.now;
    let mut went_up = vec![false; shop.ledger.customers().len()];
    for event in shop.events(&histories).iter().filter(|event| event.upgraded && recent.contains(&event.period)) {
        went_up[histories.groups[event.group as usize].customer.index()] = true;
    }
    shop.ledger.filter(|basket| {
        let is_past = shop.periods.of(shop.ledger.basket_times()[basket]) < shop.now;
        is_past || shop.ledger.customer_of(basket).is_some_and(|customer| went_up[customer.index()])
    })
}

#[test]
fn learned_segments_of_events_know_nothing_later() {
    let shop = shop();
    let early = shop.ledger.filter(|basket| shop.periods.of(shop.ledger.basket_times()[basket]) < shop.now);
    let planted = only_upgraders_return(shop);
    assert!(planted.n_baskets() > early.n_baskets() + 300 && planted.n_baskets() + 500 < shop.ledger.n_baskets());

    // Neither the centres nor anybody's segment move with what happened since.
    let segments = shop.learn(&early, shop.now);
    assert_eq!(shop.learn(&planted, shop.now), segments);

    let (cases, histories) = shop.segmented_cases(&early, &segments);
    let expected = known_before(&cases, &histories, shop.now);
    assert_eq!(expected.len(), cases.events.len());
    let met: BTreeSet<u16> = expected.iter().filter_map(|known| known.4).collect();
    let n_known = expected.iter().filter(|known| known.4.is_some()).count();
    assert!(n_known > 1_500 && met.len() > 2, "{n_known} {met:?}");
    for ledger in [&planted, &shop.ledger] {
        let (later, histories) = shop.segmented_cases(ledger, &segments);
        assert!(later.events.len() > cases.events.len() + 100);
        assert_eq!(known_before(&later, &histories, shop.now), expected);
    }

    // The same centres would put customers elsewhere by what they do in the planted weeks.
    let known = shop.knowledge();
    let wanted = vec![vec![shop.last + 1]; shop.ledger.customers().len()];
    let at_end = snapshots(&planted, known.means, &segments, &shop.periods, &wanted);
    let (then, now): (Vec<_>, Vec<_>) =
        expected.iter().filter(|known| known.4.is_some()).map(|known| (known.4, at_end[known.0 as usize][0])).unzip();
    let n_elsewhere = then.iter().zip(&now).filter(|(then, now)| **then != now.segment).count();
    assert!(n_elsewhere * 5 > n_known, "{n_elsewhere} of {n_known}");

    // Centres that saw the planted weeks group events anew that lie before them.
    let (moved, histories) = shop.segmented_cases(&early, &shop.learn(&planted, shop.last + 1));
    let moved = known_before(&moved, &histories, shop.now);
    let mut pairs: BTreeMap<Option<u16>, BTreeMap<Option<u16>, usize>> = BTreeMap::new();
    for (wrong, right) in moved.iter().zip(&expected) {
        *pairs.entry(right.4).or_default().entry(wrong.4).or_default() += 1;
    }
    // Whatever the segments are called: events that do not go where most of their segment goes.
    let n_regrouped: usize = pairs.values().map(|to| to.values().sum::<usize>() - to.values().max().unwrap()).sum();
    assert!(n_regrouped * 20 > n_known, "{n_regrouped} of {n_known}");
}

/// Events and upgrades among them.
type Count = (f64, f64);

/// The rate of ladder and tier over chosen events, written plainly.
fn plain_rate(cases: &Cases, table: &LadderTable, of: &Event, counts: impl Fn(&Event) -> bool) -> f64 {
    let (mut tier, mut all): (Count, Count) = ((0.0, 0.0), (10.0, 1.0));
    for event in cases.events.iter().filter(|event| event.kind() == of.kind() && counts(event)) {
        let upgraded = f64::from(u8::from(event.upgraded));
        all = (all.0 + 1.0, all.1 + upgraded);
        if table.tier_of(event.anchor) == table.tier_of(of.anchor) {
            tier = (tier.0 + 1.0, tier.1 + upgraded);
        }
    }
    (tier.1 + TIER_RATE_STRENGTH * all.1 / all.0) / (tier.0 + TIER_RATE_STRENGTH)
}

fn odds(rate: f64) -> f64 {
    ln(rate / (1.0 - rate))
}

#[test]
fn rates_are_those_of_earlier_periods() {
    let shop = shop();
    let histories = LadderHistories::read(&shop.ledger, &shop.table, shop.periods);
    let cases = shop.cases(&shop.ledger, &histories, &shop.market(&shop.sales(&shop.ledger)));
    let tier_rate = column("log_odds_tier");
    let (mut n, mut over_all_differs, mut own_period_differs) = (0, 0, 0);
    for (i, event) in cases.events.iter().enumerate().step_by(7) {
        let feature = f64::from(cases.row(i)[tier_rate]);
        let differs = |rate: f64| (odds(rate) - feature).abs() > 1e-4;
        let rate = |counts: &dyn Fn(&Event) -> bool| plain_rate(&cases, &shop.table, event, counts);
        assert!(!differs(rate(&|e| e.period < event.period)), "{event:?}: {feature}");
        n += 1;
        over_all_differs += usize::from(differs(rate(&|_| true)));
        own_period_differs += usize::from(differs(rate(&|e| e.period <= event.period)));
    }
    assert!(n > 400, "{n}");
    // Rates over the whole history, or with the period itself, are other numbers nearly everywhere.
    assert!(over_all_differs * 10 > n * 9, "{over_all_differs} of {n}");
    assert!(own_period_differs * 10 > n * 7, "{own_period_differs} of {n}");
}

#[test]
fn residuals_are_those_of_earlier_periods() {
    let shop = shop();
    let histories = LadderHistories::read(&shop.ledger, &shop.table, shop.periods);
    let cases = shop.cases(&shop.ledger, &histories, &shop.market(&shop.sales(&shop.ledger)));
    let (residual, log_events) = (column("upgrades_beyond_expected"), column("log_events"));
    let tier_rate = column("log_odds_tier");
    let customer_of = |event: &Event| histories.groups[event.group as usize].customer;
    // The rate an event was expected at stands in its own features.
    let beyond = |i: usize| {
        let expected = 1.0 / (1.0 + sidecart_core::exp(-f64::from(cases.row(i)[tier_rate])));
        f64::from(u8::from(cases.events[i].upgraded)) - expected
    };
    let (mut n, mut over_all_differs) = (0, 0);
    for (i, event) in cases.events.iter().enumerate().step_by(7) {
        let customer = customer_of(event);
        let sum = |counts: &dyn Fn(&Event) -> bool| {
            let of = (0..cases.events.len()).filter(|&j| customer_of(&cases.events[j]) == customer);
            of.filter(|&j| counts(&cases.events[j])).fold((0.0, 0.0), |(sum, n), j| (sum + beyond(j), n + 1.0))
        };
        let row = cases.row(i);
        let differs = |(sum, n): (f64, f64)| {
            (sum / (n + 20.0) - f64::from(row[residual])).abs() > 1e-4
                || (ln(1.0 + n) - f64::from(row[log_events])).abs() > 1e-4
        };
        assert!(!differs(sum(&|e| e.period < event.period)), "{event:?}");
        n += 1;
        over_all_differs += usize::from(differs(sum(&|_| true)));
    }
    // With the event itself, every residual would be another one.
    assert_eq!(over_all_differs, n);
}

#[test]
fn sales_of_the_period_itself_do_not_enter() {
    let shop = shop();
    let knowledge = shop.knowledge();
    let histories = LadderHistories::read(&shop.ledger, &shop.table, shop.periods);
    let sales = shop.sales(&shop.ledger);
    let before: Vec<(u32, i32)> = sales.iter().copied().filter(|sale| sale.1 < shop.now).collect();
    let (market, without) = (shop.market(&sales), shop.market(&before));
    let through_now = |market: &Market| {
        let mut events = shop.events(&histories);
        events.retain(|event| event.period <= shop.now);
        Cases::new(&shop.ledger, &histories, events, market, &knowledge).0
    };
    let cases = through_now(&market);
    assert_eq!(cases, through_now(&without));

    // Read one period later, the market would tell whether the anchor is on sale this week.
    let (mut n, mut differ) = (0, 0);
    for event in cases.events.iter().filter(|event| event.period == shop.now) {
        let records = &histories.records_of(&histories.groups[event.group as usize])[..event.record as usize];
        let features = |market, market_period| {
            let situation = Situation {
                ladders: &shop.table,
                market,
                records,
                anchor: event.anchor,
                period: event.period,
                market_period,
                window: knowledge.rules.window,
                tier_rate: 0.1,
                traits: &[],
                promoted: None,
            };
            let mut out = [0.0; N_FEATURES];
            situation.features(&mut out);
            out
        };
        assert_eq!(features(&market, shop.now), features(&without, shop.now));
        n += 1;
        differ += usize::from(features(&market, shop.now + 1) != features(&without, shop.now + 1));
    }
    assert!(n > 50 && differ * 10 > n * 9, "{differ} of {n}");
}
