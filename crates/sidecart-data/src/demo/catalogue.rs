use std::collections::BTreeMap;

use sidecart_core::{ItemId, MICROS_PER_DAY, Money, Rng, Time};

use super::customers::Segment;
use super::truth::{AddOn, Complement, Ladder, LadderUse};
use super::{STREAM_CATALOGUE, durables, groceries, week_start};

/// An item of the demo shop, one row of `items.parquet`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoItem {
    /// The external id, such as `phone-s22`.
    pub id: String,
    /// The name on the shelf.
    pub name: String,
    /// The coarsest category level.
    pub department: &'static str,
    /// The middle category level.
    pub category: &'static str,
    /// The finest category level, column `type`.
    pub kind: &'static str,
    /// The brand.
    pub brand: &'static str,
    /// The maker behind the brand.
    pub manufacturer: String,
    /// Whether the shop itself is the brand.
    pub private_label: bool,
    /// The package size as printed, such as `16 OZ`.
    pub size: Option<&'static str>,
    /// Shelf price of one piece.
    pub price: Money,
    /// What one piece costs the shop, below the price.
    pub cost: Money,
    /// Pieces in stock at the end of the history; `None` for services, which cannot run out.
    pub stock: Option<u32>,
    /// The first day the item was sold; may lie at the end of the history for an item nobody bought yet.
    pub first_sold: Time,
    /// The ladder the item is a tier of.
    pub ladder: Option<String>,
    /// The tier in the ladder, from 0 for the cheapest.
    pub tier: Option<u32>,
    /// The id of the item this one needs in the same basket.
    pub add_on_for: Option<String>,
}

/// How an item comes to be bought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// A customer's favourite, bought again and again.
    Staple,
    /// A tier of a repeat ladder, bought by habit only.
    LadderTier,
    /// A phone, bought once or twice a year.
    Phone,
    /// A monthly software plan.
    Plan,
    /// A planned purchase, such as a mattress.
    Project,
    /// Bought beside something else and now and then alone.
    Accessory,
    /// Bought with the item it belongs to and never alone.
    AddOn,
    /// Bought by chance: no pair with it is real.
    Noise,
    /// Hardly ever bought, with a lot in stock.
    SlowMover,
}

/// Department, category and type of the items being added.
#[derive(Clone, Copy)]
pub(super) struct Shelf(pub &'static str, pub &'static str, pub &'static str);

/// A fixed row of an assortment table: id, name, brand, size (empty for none), price in cents.
pub(super) type Row = (&'static str, &'static str, &'static str, &'static str, i64);

/// An item before ids are ranked.
pub(super) struct Draft {
    pub id: String,
    pub name: String,
    pub shelf: Shelf,
    pub brand: &'static str,
    pub size: &'static str,
    pub cents: i64,
    pub role: Role,
    /// Relative frequency among chance purchases, or among planned purchases for [`Role::Project`].
    pub weight: f64,
}

struct DraftLadder {
    id: String,
    usage: LadderUse,
    tiers: Vec<Vec<String>>,
}

/// The assortment while it is being filled, everything by external id.
#[derive(Default)]
pub(super) struct Assortment {
    drafts: Vec<Draft>,
    ladders: Vec<DraftLadder>,
    complements: Vec<(String, String, f64, Option<Segment>)>,
    add_ons: Vec<(String, String, f64)>,
}

impl Assortment {
    pub(super) fn add(&mut self, draft: Draft) {
        self.drafts.push(draft);
    }

    /// Adds fixed rows that share shelf, role and weight.
    pub(super) fn rows(&mut self, shelf: Shelf, role: Role, weight: f64, rows: &[Row]) {
        for &(id, name, brand, size, cents) in rows {
            self.add(Draft { id: id.into(), name: name.into(), shelf, brand, size, cents, role, weight });
        }
    }

    pub(super) fn ladder(&mut self, id: impl Into<String>, usage: LadderUse, tiers: Vec<Vec<String>>) {
        self.ladders.push(DraftLadder { id: id.into(), usage, tiers });
    }

    /// Plants a directed pair: `attached` joins a basket with `anchor` with this probability.
    pub(super) fn complement(&mut self, anchor: impl Into<String>, attached: impl Into<String>, probability: f64) {
        self.complements.push((anchor.into(), attached.into(), probability, None));
    }

    /// Plants a directed pair that only one segment buys together.
    pub(super) fn segment_complement(&mut self, segment: Segment, anchor: &str, attached: &str, probability: f64) {
        self.complements.push((anchor.into(), attached.into(), probability, Some(segment)));
    }

    /// Plants an add-on: it needs `base` in the basket and joins it with this probability.
    pub(super) fn add_on(&mut self, add_on: impl Into<String>, base: impl Into<String>, probability: f64) {
        self.add_ons.push((add_on.into(), base.into(), probability));
    }
}

/// The assortment with ids ranked: an item's [`ItemId`] is its position in `items`.
pub(super) struct Catalogue {
    pub items: Vec<DemoItem>,
    pub roles: Vec<Role>,
    pub weights: Vec<f64>,
    /// First week of sale of each item; 0 for everything that was there before.
    pub first_week: Vec<u32>,
    pub ladders: Vec<Ladder>,
    pub complements: Vec<Complement>,
    pub add_ons: Vec<AddOn>,
}

impl Catalogue {
    /// The assortment of one seed; `n_weeks` places the newcomers near the end of the history.
    pub(super) fn build(seed: u64, n_weeks: u32) -> Self {
        let mut assortment = Assortment::default();
        durables::stock(&mut assortment);
        groceries::stock(&mut assortment);
        assortment.finish(seed, n_weeks)
    }

    pub(super) fn with_role(&self, role: Role) -> impl Iterator<Item = ItemId> + '_ {
        (0u32..).zip(&self.roles).filter(move |&(_, &r)| r == role).map(|(idx, _)| ItemId(idx))
    }
}

impl Assortment {
    fn finish(mut self, seed: u64, n_weeks: u32) -> Catalogue {
        self.drafts.sort_by(|a, b| a.id.cmp(&b.id));
        let rank: BTreeMap<String, ItemId> =
            (0u32..).zip(&self.drafts).map(|(idx, draft)| (draft.id.clone(), ItemId(idx))).collect();
        assert_eq!(rank.len(), self.drafts.len(), "item ids of the demo shop are unique");
        let id_of = |id: &str| *rank.get(id).unwrap_or_else(|| panic!("the demo shop stocks {id}"));

        let mut rng = Rng::new(seed, STREAM_CATALOGUE);
        let (mut items, mut first_week) = (Vec::new(), Vec::new());
        let mut n_noise = 0;
        for draft in &self.drafts {
            let newcomer = (draft.role == Role::Noise).then(|| {
                n_noise += 1;
                n_noise
            });
            // Every fifth noise item appears in the last sixth of the history; the last of them never sold.
            let week = match newcomer {
                Some(n) if n % 10 == 0 => n_weeks,
                Some(n) if n % 5 == 0 => n_weeks - n_weeks.div_ceil(6).min(n_weeks),
                _ => 0,
            };
            first_week.push(week);
            items.push(draft.item(&mut rng, week));
        }
        let ladders = self.ladders.iter().map(|ladder| {
            let tiers = ladder.tiers.iter().map(|ids| ids.iter().map(|id| id_of(id)).collect()).collect();
            Ladder { id: ladder.id.clone(), usage: ladder.usage, tiers }
        });
        let ladders: Vec<Ladder> = ladders.collect();
        for ladder in &ladders {
            for (tier, tier_items) in (0u32..).zip(&ladder.tiers) {
                for item in tier_items {
                    items[item.index()].ladder = Some(ladder.id.clone());
                    items[item.index()].tier = Some(tier);
                }
            }
        }
        for (add_on, base, _) in &self.add_ons {
            items[id_of(add_on).index()].add_on_for = Some(base.clone());
        }
        let complements = self.complements.iter().map(|(anchor, attached, probability, segment)| Complement {
            anchor: id_of(anchor),
            attached: id_of(attached),
            probability: *probability,
            segment: *segment,
        });
        let add_ons = self.add_ons.iter().map(|(add_on, base, probability)| AddOn {
            add_on: id_of(add_on),
            base: id_of(base),
            probability: *probability,
        });
        Catalogue {
            complements: complements.collect(),
            add_ons: add_ons.collect(),
            roles: self.drafts.iter().map(|d| d.role).collect(),
            weights: self.drafts.iter().map(|d| d.weight).collect(),
            items,
            first_week,
            ladders,
        }
    }
}

impl Draft {
    fn item(&self, rng: &mut Rng, first_week: u32) -> DemoItem {
        let Shelf(department, category, kind) = self.shelf;
        let cost_percent = cost_percent(self.shelf) + rng.below(7) as i64 - 3;
        let days_on_sale = 40 + rng.below(900) as i64;
        let first_sold = match first_week {
            0 => Time(week_start(0).0 - days_on_sale * MICROS_PER_DAY),
            week => week_start(week),
        };
        let pieces = match self.role {
            Role::SlowMover => 150 + rng.below(600),
            Role::Noise if rng.chance(0.1) => 0,
            _ => 20 + rng.below(400),
        };
        DemoItem {
            id: self.id.clone(),
            name: self.name.clone(),
            department,
            category,
            kind,
            brand: self.brand,
            manufacturer: format!("{} Company", self.brand),
            private_label: self.brand == groceries::PRIVATE_LABEL,
            size: (!self.size.is_empty()).then_some(self.size),
            price: cents(self.cents),
            cost: cents((self.cents * cost_percent / 100).max(1)),
            stock: (!self.is_service()).then_some(pieces as u32),
            first_sold,
            ladder: None,
            tier: None,
            add_on_for: None,
        }
    }

    fn is_service(&self) -> bool {
        matches!(self.role, Role::Plan | Role::AddOn) || self.shelf.1 == "Salon"
    }
}

/// An amount given in cents.
pub(super) fn cents(cents: i64) -> Money {
    Money(cents * (Money::SCALE / 100))
}

/// Typical cost of goods as percent of the shelf price.
fn cost_percent(Shelf(department, category, _): Shelf) -> i64 {
    match (department, category) {
        ("Electronics", "Phones") => 80,
        ("Electronics", "Protection") | ("Car", "Protection") => 30,
        ("Electronics", _) => 35,
        ("Car", "Cars") => 90,
        ("Software", _) => 5,
        ("Beauty", _) => 45,
        ("Bedroom", _) => 50,
        ("Grocery", _) => 72,
        _ => 60,
    }
}
