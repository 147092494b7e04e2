use sidecart_core::{CustomerId, ItemId, Rng, Time};

use super::catalogue::{Catalogue, Role, cents};
use super::customers::{Customers, Habit, PhonePlan, Profile, Segment};
use super::promotions::PromotionCalendar;
use super::truth::{DemoTruth, SegmentRates, UpgradeDecision};
use super::{
    DemoBasket, DemoLine, DemoParams, DemoShop, ONLINE, ONLINE_IDX, STORES, STREAM_BASKETS, STREAM_WALK_INS, week_start,
};

/// Probability that a visit is made in the web shop.
const P_ONLINE: f64 = 0.20;
/// Probability that a visit to a store goes to the customer's usual one.
const P_USUAL_STORE: f64 = 0.85;
/// Probability of a planned purchase, such as a mattress, at a visit.
const P_PROJECT: f64 = 0.08;
/// Probability that one more item is bought by chance.
const P_CHANCE_ITEM: f64 = 0.50;
const MAX_CHANCE_ITEMS: usize = 4;
/// Probability of a second, small basket in the week of a visit.
const P_TOP_UP: f64 = 0.06;
/// Probability that a habit goes one tier down when it does not go up.
const P_DOWN: f64 = 0.08;
/// Probability that an upgrade takes the promoted item where there is one.
const P_TAKE_PROMOTED: f64 = 0.5;
/// Probability that an upgrade goes to the next tier rather than beyond it.
const P_NEXT_TIER: f64 = 0.8;
/// Probability that a replacement phone is of another family.
const P_OTHER_FAMILY: f64 = 0.10;
const RENEWAL_WEEKS: u32 = 4;
/// One anonymous basket to this many of known customers: 5 percent of all.
const KNOWN_PER_ANONYMOUS: usize = 19;
const FIRST_BASKET_ID: i64 = 100_001;

/// Draws catalogue, customers and promotions, then every basket.
pub(super) fn simulate(params: &DemoParams) -> DemoShop {
    let &DemoParams { seed, n_customers, n_weeks, .. } = params;
    let catalogue = Catalogue::build(seed, n_weeks);
    let promotions = PromotionCalendar::draw(seed, n_weeks, &catalogue);
    let customers = Customers::draw(seed, n_customers, n_weeks, &catalogue);
    let rates = params.upgrade_rates.draw(seed);
    let mut simulation = Simulation::new(&catalogue, &promotions, &rates, n_weeks);
    for (customer, profile) in (0u32..).map(CustomerId).zip(&customers.profiles) {
        let mut rng = Rng::new(seed, STREAM_BASKETS + u64::from(customer.0));
        simulation.known_customer(&mut rng, customer, profile);
    }
    let mut rng = Rng::new(seed, STREAM_WALK_INS);
    for _ in 0..simulation.drafts.len() / KNOWN_PER_ANONYMOUS {
        let like = &customers.profiles[rng.below(customers.profiles.len())];
        simulation.walk_in(&mut rng, like);
    }
    let (baskets, offsets, lines, upgrade_decisions) = simulation.finish();
    let newcomers = (0u32..).zip(&catalogue.first_week).filter(|&(_, &week)| week > 0).map(|(idx, _)| ItemId(idx));
    let truth = DemoTruth {
        newcomers: newcomers.collect(),
        noise: catalogue.with_role(Role::Noise).collect(),
        slow_movers: catalogue.with_role(Role::SlowMover).collect(),
        complements: catalogue.complements,
        add_ons: catalogue.add_ons,
        ladders: catalogue.ladders,
        upgrade_rates: rates,
        upgrade_decisions,
    };
    let (items, customers, promotions) = (catalogue.items, customers.rows, promotions.rows);
    DemoShop { params: params.clone(), items, customers, promotions, baskets, truth, offsets, lines }
}

/// A companion that may join its anchor.
struct Attachment {
    item: ItemId,
    probability: f64,
    segment: Option<Segment>,
}

/// A basket before ids are given.
struct DraftBasket {
    time: Time,
    customer: Option<CustomerId>,
    store_idx: usize,
    week: u32,
    first_line: usize,
    end_line: usize,
}

/// Where and when a basket is filled, and by whom.
struct Visit<'a> {
    customer: Option<CustomerId>,
    profile: &'a Profile,
    week: u32,
    store_idx: usize,
}

/// How a tier is decided on.
struct Upgrade<'a> {
    ladder_idx: usize,
    usual_tier: usize,
    rate: f64,
    /// The item to take in each tier.
    choices: &'a [ItemId],
}

struct Simulation<'a> {
    catalogue: &'a Catalogue,
    promotions: &'a PromotionCalendar,
    rates: &'a [SegmentRates],
    n_weeks: u32,
    /// Companions of each item.
    attachments: Vec<Vec<Attachment>>,
    projects: Cumulative,
    /// Chance purchases for each week and store, the web shop last.
    chance: Vec<Cumulative>,
    drafts: Vec<DraftBasket>,
    lines: Vec<(ItemId, u32)>,
    /// Decisions with the position of their draft in place of the basket id.
    decisions: Vec<(usize, UpgradeDecision)>,
    /// The basket being filled.
    open: Vec<(ItemId, u32)>,
}

impl<'a> Simulation<'a> {
    fn new(
        catalogue: &'a Catalogue,
        promotions: &'a PromotionCalendar,
        rates: &'a [SegmentRates],
        n_weeks: u32,
    ) -> Self {
        let mut attachments: Vec<Vec<Attachment>> = catalogue.items.iter().map(|_| Vec::new()).collect();
        for pair in &catalogue.complements {
            let (item, probability, segment) = (pair.attached, pair.probability, pair.segment);
            attachments[pair.anchor.index()].push(Attachment { item, probability, segment });
        }
        for add_on in &catalogue.add_ons {
            let (item, probability, segment) = (add_on.add_on, add_on.probability, None);
            attachments[add_on.base.index()].push(Attachment { item, probability, segment });
        }
        let weight_if = |item: ItemId, wanted: bool| if wanted { catalogue.weights[item.index()] } else { 0.0 };
        let items = || (0..catalogue.items.len() as u32).map(ItemId);
        let projects = items().map(|item| weight_if(item, catalogue.roles[item.index()] == Role::Project));
        let mut chance = Vec::new();
        for week in 0..n_weeks {
            for store_idx in 0..=ONLINE_IDX {
                chance.push(Cumulative::new(items().map(|item| {
                    let on_sale = catalogue.first_week[item.index()] <= week;
                    let by_chance = catalogue.roles[item.index()] != Role::Project;
                    weight_if(item, on_sale && by_chance) * promotions.sales_lift(week, item, store_idx)
                })));
            }
        }
        Self {
            projects: Cumulative::new(projects),
            chance,
            attachments,
            catalogue,
            promotions,
            rates,
            n_weeks,
            drafts: Vec::new(),
            lines: Vec::new(),
            decisions: Vec::new(),
            open: Vec::new(),
        }
    }

    fn known_customer(&mut self, rng: &mut Rng, customer: CustomerId, profile: &Profile) {
        let subscription = profile.subscription.as_ref();
        for week in 0..self.n_weeks {
            let phone = profile.phone.as_ref().filter(|p| p.first_week == week || p.replacement_week == Some(week));
            let visit = Visit { customer: Some(customer), profile, week, store_idx: store(rng, profile) };
            let regular = rng.chance(profile.activity);
            if regular {
                self.favourites(rng, &visit, 1.0);
                let rate = self.rates[profile.segment as usize].repeat * profile.upgrade_factor;
                for habit in &profile.habits {
                    if rng.chance(habit.rate) {
                        self.habit(rng, &visit, habit, rate);
                    }
                }
                self.chance_items(rng, &visit);
            }
            if let Some(plan) = phone {
                self.phone(rng, &visit, plan);
            }
            self.close(rng, &visit);
            if regular && rng.chance(P_TOP_UP) {
                let visit = Visit { store_idx: store(rng, profile), ..visit };
                self.favourites(rng, &visit, 0.5);
                self.chance_items(rng, &visit);
                self.close(rng, &visit);
            }
            if let Some(subscription) = subscription
                && week >= subscription.first_week
                && (week - subscription.first_week).is_multiple_of(RENEWAL_WEEKS)
            {
                let visit = Visit { store_idx: ONLINE_IDX, ..visit };
                let rate = self.rates[profile.segment as usize].repeat * profile.upgrade_factor;
                self.habit(rng, &visit, &subscription.habit, rate);
                self.close(rng, &visit);
            }
        }
    }

    /// A basket of somebody who shops like a known customer but does not say who it is.
    fn walk_in(&mut self, rng: &mut Rng, profile: &Profile) {
        let week = rng.below(self.n_weeks as usize) as u32;
        let visit = Visit { customer: None, profile, week, store_idx: store(rng, profile) };
        self.favourites(rng, &visit, 1.0);
        self.chance_items(rng, &visit);
        self.close(rng, &visit);
    }

    fn favourites(&mut self, rng: &mut Rng, visit: &Visit<'_>, factor: f64) {
        for &(item, rate) in &visit.profile.favourites {
            let lift = self.promotions.sales_lift(visit.week, item, visit.store_idx);
            if rng.chance((rate * factor * lift).min(0.9)) {
                let quantity = 1 + rng.below(2) as u32;
                self.put(item, quantity);
            }
        }
    }

    fn chance_items(&mut self, rng: &mut Rng, visit: &Visit<'_>) {
        if rng.chance(P_PROJECT) {
            let item = self.projects.draw(rng);
            self.put(item, 1);
        }
        let table = visit.week as usize * (ONLINE_IDX + 1) + visit.store_idx;
        for _ in 0..MAX_CHANCE_ITEMS {
            if !rng.chance(P_CHANCE_ITEM) {
                break;
            }
            let item = self.chance[table].draw(rng);
            self.put(item, 1);
        }
    }

    fn habit(&mut self, rng: &mut Rng, visit: &Visit<'_>, habit: &Habit, rate: f64) {
        let &Habit { ladder_idx, usual_tier, .. } = habit;
        let upgrade = Upgrade { ladder_idx, usual_tier, rate, choices: &habit.choices };
        let item = self.decide(rng, visit, &upgrade).unwrap_or_else(|| {
            let down = usize::from(usual_tier > 0 && rng.chance(P_DOWN));
            habit.choices[usual_tier - down]
        });
        self.put(item, 1);
    }

    fn phone(&mut self, rng: &mut Rng, visit: &Visit<'_>, plan: &PhonePlan) {
        let catalogue = self.catalogue;
        let only = |ladder_idx: usize| -> Vec<ItemId> {
            catalogue.ladders[ladder_idx].tiers.iter().map(|items| items[0]).collect()
        };
        let &PhonePlan { ladder_idx, usual_tier, .. } = plan;
        let choices = only(ladder_idx);
        if visit.week == plan.first_week {
            return self.put(choices[usual_tier], 1);
        }
        if rng.chance(P_OTHER_FAMILY) {
            let usage = catalogue.ladders[ladder_idx].usage;
            let other = |&idx: &usize| idx != ladder_idx && catalogue.ladders[idx].usage == usage;
            let others: Vec<usize> = (0..catalogue.ladders.len()).filter(other).collect();
            return self.put(only(others[rng.below(others.len())])[usual_tier], 1);
        }
        let rate = self.rates[visit.profile.segment as usize].replacement;
        let upgrade = Upgrade { ladder_idx, usual_tier, rate, choices: &choices };
        let item = self.decide(rng, visit, &upgrade).unwrap_or(choices[usual_tier]);
        self.put(item, 1);
    }

    /// Decides between the usual tier (`None`) and a higher one, and notes the decision.
    fn decide(&mut self, rng: &mut Rng, visit: &Visit<'_>, upgrade: &Upgrade<'_>) -> Option<ItemId> {
        let customer = visit.customer?;
        let tiers = &self.catalogue.ladders[upgrade.ladder_idx].tiers;
        let next = upgrade.usual_tier + 1;
        if next >= tiers.len() {
            return None;
        }
        let promoted: Vec<ItemId> = tiers[next..]
            .iter()
            .flatten()
            .copied()
            .filter(|&item| self.promotions.active(visit.week, item, visit.store_idx).is_some())
            .collect();
        let mut probability = upgrade.rate.min(0.95);
        if !promoted.is_empty() {
            let odds = DemoTruth::PROMOTION_UPGRADE_ODDS * probability / (1.0 - probability);
            probability = odds / (1.0 + odds);
        }
        let upgraded = rng.chance(probability);
        let decision = UpgradeDecision {
            basket_id: 0,
            customer,
            ladder_idx: upgrade.ladder_idx as u32,
            usual_tier: upgrade.usual_tier as u32,
            probability,
            upgraded,
        };
        self.decisions.push((self.drafts.len(), decision));
        if !upgraded {
            return None;
        }
        if !promoted.is_empty() && rng.chance(P_TAKE_PROMOTED) {
            return Some(promoted[rng.below(promoted.len())]);
        }
        let beyond = tiers.len() - next - 1;
        let skip = if beyond == 0 || rng.chance(P_NEXT_TIER) { 0 } else { 1 + rng.below(beyond) };
        Some(upgrade.choices[next + skip])
    }

    fn put(&mut self, item: ItemId, quantity: u32) {
        if self.open.iter().all(|&(known, _)| known != item) {
            self.open.push((item, quantity));
        }
    }

    /// Lets companions join, then ends the open basket; an empty one never was.
    fn close(&mut self, rng: &mut Rng, visit: &Visit<'_>) {
        let mut anchor_idx = 0;
        while let Some(&(anchor, _)) = self.open.get(anchor_idx) {
            for companion in 0..self.attachments[anchor.index()].len() {
                let Attachment { item, probability, segment } = self.attachments[anchor.index()][companion];
                if segment.is_none_or(|only| only == visit.profile.segment) && rng.chance(probability) {
                    self.put(item, 1);
                }
            }
            anchor_idx += 1;
        }
        if self.open.is_empty() {
            return;
        }
        let second = 86_400 * rng.below(7) as i64 + 8 * 3_600 + rng.below(13 * 3_600) as i64;
        let first_line = self.lines.len();
        self.open.sort_unstable();
        self.lines.append(&mut self.open);
        self.drafts.push(DraftBasket {
            time: Time(week_start(visit.week).0 + second * 1_000_000),
            customer: visit.customer,
            store_idx: visit.store_idx,
            week: visit.week,
            first_line,
            end_line: self.lines.len(),
        });
    }

    /// Puts the baskets into time order, numbers them and prices their lines.
    fn finish(self) -> (Vec<DemoBasket>, Vec<usize>, Vec<DemoLine>, Vec<UpgradeDecision>) {
        let mut order: Vec<usize> = (0..self.drafts.len()).collect();
        order.sort_by_key(|&draft_idx| (self.drafts[draft_idx].time, draft_idx));
        let mut ids = vec![0; order.len()];
        let (mut baskets, mut offsets, mut lines) = (Vec::new(), vec![0], Vec::with_capacity(self.lines.len()));
        for (basket_id, draft_idx) in (FIRST_BASKET_ID..).zip(order) {
            let draft = &self.drafts[draft_idx];
            ids[draft_idx] = basket_id;
            let store = STORES.get(draft.store_idx).copied().unwrap_or(ONLINE);
            baskets.push(DemoBasket { basket_id, customer: draft.customer, time: draft.time, store });
            let draft_lines = &self.lines[draft.first_line..draft.end_line];
            lines.extend(draft_lines.iter().map(|&(item, quantity)| self.priced(draft, item, quantity)));
            offsets.push(lines.len());
        }
        let with_id =
            |(draft_idx, decision): (usize, UpgradeDecision)| UpgradeDecision { basket_id: ids[draft_idx], ..decision };
        let mut decisions: Vec<UpgradeDecision> = self.decisions.into_iter().map(with_id).collect();
        decisions.sort_by_key(|decision| (decision.basket_id, decision.ladder_idx));
        (baskets, offsets, lines, decisions)
    }

    fn priced(&self, draft: &DraftBasket, item: ItemId, quantity: u32) -> DemoLine {
        let unit_price = self.catalogue.items[item.index()].price;
        let cut = self.promotions.active(draft.week, item, draft.store_idx).map_or(0, |p| p.discount_percent);
        let shelf_cents = unit_price.0 / cents(1).0;
        let paid_each = (shelf_cents * (100 - i64::from(cut)) + 50) / 100;
        DemoLine { item, quantity, unit_price, paid_total: cents(paid_each * i64::from(quantity)) }
    }
}

fn store(rng: &mut Rng, profile: &Profile) -> usize {
    if rng.chance(P_ONLINE) {
        ONLINE_IDX
    } else if rng.chance(P_USUAL_STORE) {
        profile.store_idx
    } else {
        rng.below(STORES.len())
    }
}

/// Running sums of weights, for draws in logarithmic time.
struct Cumulative(Vec<f64>);

impl Cumulative {
    fn new(weights: impl Iterator<Item = f64>) -> Self {
        Self(
            weights
                .scan(0.0, |sum, weight| {
                    *sum += weight;
                    Some(*sum)
                })
                .collect(),
        )
    }

    fn draw(&self, rng: &mut Rng) -> ItemId {
        let total = self.0.last().copied().unwrap_or(0.0);
        let at = rng.unit() * total;
        ItemId(self.0.partition_point(|&sum| sum <= at) as u32)
    }
}
