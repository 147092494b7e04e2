use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use sidecart_core::{ItemId, NoProgress, Time, ln};
use sidecart_data::config::{ColumnSpec, PurchasesConfig, SideTableConfig};
use sidecart_data::demo::{DemoParams, DemoShop};
use sidecart_data::{read_items, read_purchases};
use sidecart_serve::upsell::{FEATURES, N_FEATURES, PastLine, Record, Situation, TIER_RATE_STRENGTH};

use super::*;
use crate::catalogue::Catalogue;

/// A shop with everything that cases are made with; all knowledge of items is of the whole year.
struct Shop {
    ledger: Ledger,
    table: LadderTable,
    means: CategoryMeans,
    segmentation: Segmentation,
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
        let folder = tempfile::tempdir().unwrap();
        let params = DemoParams { n_customers: 400, n_weeks: 40, ..DemoParams::default() };
        DemoShop::generate(&params).write_to(folder.path()).unwrap();
        let path = folder.path().join("purchases.parquet").into();
        let config = PurchasesConfig { path, ..PurchasesConfig::default() };
        let ledger = read_purchases(&config, Default::default(), &NoProgress).unwrap().0;
        let levels = ColumnSpec::Many(["department", "category", "type"].map(Into::into).into());
        let path = folder.path().join("items.parquet").into();
        let columns = BTreeMap::from([("category".into(), levels)]);
        let items = read_items(&SideTableConfig { path, columns, ..Default::default() }).unwrap().0;
        let catalogue = Catalogue::new(&ledger, items, (Path::new("p"), Path::new("i"))).unwrap();
        let ledger = ledger.over_catalogue(catalogue.ids.clone()).unwrap();
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

/// Events and upgrades among them.
type Count = (f64, f64);

/// The rate of ladder and tier over chosen events, written plainly.
fn plain_rate(cases: &Cases, table: &LadderTable, of: &Event, counts: impl Fn(&Event) -> bool) -> f64 {
    let (mut tier, mut all): (Count, Count) = ((0.0, 0.0), (10.0, 1.0));
    for event in cases.events.iter().filter(|event| event.regime == of.regime && counts(event)) {
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
