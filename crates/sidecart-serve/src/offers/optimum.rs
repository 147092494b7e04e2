//! The best slate: exact search by branch and bound.
//!
//! Chosen are some of the choices, so that the sum of their values is greatest. The r-th best
//! choice of a department counts `(1 - diversity)^(r - 1)` of its value. Choices are visited by
//! falling value, so that each one adds the same whatever comes after it; a branch ends where even
//! the rest without contradictions, with every kind on its own, could not win.

use sidecart_core::ItemId;

use super::policy::MAX_OFFERS_PER_REQUEST;
use super::{NO_GROUP, OfferKind};

/// Most choices of kind upsell: each is a bit.
pub(crate) const MAX_UPSELLS: usize = 32;
const MAX_SLATE: usize = MAX_OFFERS_PER_REQUEST as usize;
const N_KINDS: usize = OfferKind::ALL.len();
/// A branch ends only where it is worse by more than rounding can be.
const SLACK: f64 = 1.0 + 1e-12;

/// Something that may be chosen.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Choice {
    /// Above 0.
    pub(crate) value: f64,
    pub(crate) item: ItemId,
    pub(crate) kind: OfferKind,
    /// Finest category and the department above it, or [`NO_GROUP`].
    pub(crate) category: u32,
    pub(crate) department: u32,
    /// The host of an add-on, of which there is one; [`NO_GROUP`] for others.
    pub(crate) host: u32,
    /// The bit of an upsell; 0 for others.
    pub(crate) upsell: u32,
    /// Bits of the upsells that it contradicts.
    pub(crate) clashes: u32,
    /// Where it comes from.
    pub(crate) candidate: u32,
}

impl Choice {
    /// Best first: falling value, then rising item, then kind.
    pub(crate) fn order(&self, other: &Self) -> std::cmp::Ordering {
        other.value.total_cmp(&self.value).then(self.item.cmp(&other.item)).then(self.kind.cmp(&other.kind))
    }
}

/// What a slate may hold.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Limits {
    pub(crate) total: usize,
    pub(crate) per_kind: [usize; N_KINDS],
    pub(crate) per_category: usize,
    /// Share that each further choice of a department loses.
    pub(crate) diversity: f64,
}

/// A group's number of choices.
#[derive(Default)]
struct Counts(Vec<u8>);

impl Counts {
    fn fit(&mut self, n: usize) {
        self.0.resize(n.max(self.0.len()), 0);
    }

    #[inline]
    fn get(&self, group: u32) -> u8 {
        if group == NO_GROUP { 0 } else { self.0[group as usize] }
    }

    #[inline]
    fn add(&mut self, group: u32, change: i8) {
        if group != NO_GROUP {
            let count = &mut self.0[group as usize];
            *count = count.wrapping_add_signed(change);
        }
    }
}

/// Memory of one thread.
#[derive(Default)]
pub(crate) struct SearchMemory {
    categories: Counts,
    departments: Counts,
    /// The same for a bound, by kind.
    bound_categories: Counts,
    bound_departments: Counts,
    touched: Vec<usize>,
    chosen: Vec<usize>,
    /// Positions of the best choices, rising: by falling value.
    pub(crate) best: Vec<usize>,
    /// Their value.
    pub(crate) best_value: f64,
    /// Branches visited.
    pub(crate) n_visited: u64,
}

/// One search.
struct Search<'a> {
    choices: &'a [Choice],
    limits: &'a Limits,
    memory: &'a mut SearchMemory,
    weights: [f64; MAX_SLATE + 1],
    kinds: [usize; N_KINDS],
    n_groups: u32,
}

impl SearchMemory {
    /// Finds the best slate of choices in their [order](Choice::order); groups are below `n_groups`. Of
    /// equal slates the one whose first difference is the better choice.
    pub(crate) fn search(&mut self, choices: &[Choice], limits: &Limits, n_groups: usize) {
        self.categories.fit(n_groups);
        self.departments.fit(n_groups);
        self.bound_categories.fit(N_KINDS * n_groups);
        self.bound_departments.fit(N_KINDS * n_groups);
        self.chosen.clear();
        self.best.clear();
        self.best_value = 0.0;
        self.n_visited = 0;
        let mut weights = [1.0; MAX_SLATE + 1];
        for place in 1..weights.len() {
            weights[place] = weights[place - 1] * (1.0 - limits.diversity);
        }
        let limits = Limits { total: limits.total.min(MAX_SLATE), ..*limits };
        let mut search =
            Search { choices, limits: &limits, memory: self, weights, kinds: [0; N_KINDS], n_groups: n_groups as u32 };
        search.descend(0, 0.0);
    }
}

impl Search<'_> {
    fn descend(&mut self, from: usize, value: f64) {
        self.memory.n_visited += 1;
        for at in from..self.choices.len() {
            if self.memory.chosen.len() == self.limits.total
                || (value + self.bound(at)) * SLACK <= self.memory.best_value
            {
                return;
            }
            let choice = self.choices[at];
            if !self.fits(&choice) {
                continue;
            }
            let place = self.memory.departments.get(choice.department);
            let with = value + choice.value * self.weights[usize::from(place)];
            self.put(&choice, 1);
            self.memory.chosen.push(at);
            if with > self.memory.best_value {
                self.memory.best_value = with;
                let SearchMemory { best, chosen, .. } = &mut *self.memory;
                best.clone_from(chosen);
            }
            self.descend(at + 1, with);
            self.memory.chosen.pop();
            self.put(&choice, -1);
        }
    }

    fn put(&mut self, choice: &Choice, change: i8) {
        self.memory.categories.add(choice.category, change);
        self.memory.departments.add(choice.department, change);
        let kind = &mut self.kinds[choice.kind as usize];
        *kind = kind.wrapping_add_signed(isize::from(change));
    }

    /// Whether a choice may join the chosen ones.
    fn fits(&self, choice: &Choice) -> bool {
        self.kinds[choice.kind as usize] < self.limits.per_kind[choice.kind as usize]
            && usize::from(self.memory.categories.get(choice.category)) < self.limits.per_category
            && !self.memory.chosen.iter().any(|&at| contradict(choice, &self.choices[at]))
    }

    /// At least what the choices from a position on can add. Every kind counts on its own, with the
    /// caps of its categories and the discounts of its departments; of that the best as many as
    /// there is room for.
    fn bound(&mut self, from: usize) -> f64 {
        let room = self.limits.total - self.memory.chosen.len();
        let left: [usize; N_KINDS] = std::array::from_fn(|k| self.limits.per_kind[k].saturating_sub(self.kinds[k]));
        // Best first, with their kind.
        let mut kept = [(0.0f64, 0usize); MAX_SLATE + 1];
        let (mut n_kept, mut of_kind) = (0, [0usize; N_KINDS]);
        for choice in &self.choices[from..] {
            if n_kept == room && choice.value <= kept[room - 1].0 {
                break;
            }
            let kind = choice.kind as usize;
            if left[kind] == 0 || !self.fits(choice) {
                continue;
            }
            let group = |group: u32| if group == NO_GROUP { NO_GROUP } else { kind as u32 * self.n_groups + group };
            let (category, department) = (group(choice.category), group(choice.department));
            let memory = &mut *self.memory;
            let n_category = memory.categories.get(choice.category) + memory.bound_categories.get(category);
            if usize::from(n_category) >= self.limits.per_category {
                continue;
            }
            let n_department = memory.departments.get(choice.department) + memory.bound_departments.get(department);
            let gain = choice.value * self.weights[usize::from(n_department).min(MAX_SLATE)];
            memory.bound_categories.add(category, 1);
            if n_department < MAX_SLATE as u8 {
                memory.bound_departments.add(department, 1);
                memory.touched.push(department as usize);
            }
            memory.touched.push(category as usize | CATEGORY_BIT);

            // The worst of a full kind, else of a full slate, makes room.
            let worst = if of_kind[kind] == left[kind] {
                kept[..n_kept].iter().rposition(|&(_, other)| other == kind)
            } else if n_kept == room {
                Some(n_kept - 1)
            } else {
                None
            };
            if let Some(worst) = worst {
                if gain <= kept[worst].0 {
                    continue;
                }
                of_kind[kept[worst].1] -= 1;
                kept.copy_within(worst + 1..n_kept, worst);
                n_kept -= 1;
            }
            let place = kept[..n_kept].partition_point(|&(other, _)| other >= gain);
            kept.copy_within(place..n_kept, place + 1);
            kept[place] = (gain, kind);
            n_kept += 1;
            of_kind[kind] += 1;
        }
        let memory = &mut *self.memory;
        for touched in memory.touched.drain(..) {
            let (counts, group) = match touched & CATEGORY_BIT {
                0 => (&mut memory.bound_departments, touched),
                _ => (&mut memory.bound_categories, touched & !CATEGORY_BIT),
            };
            if group != NO_GROUP as usize {
                counts.0[group] = 0;
            }
        }
        kept[..n_kept].iter().map(|&(gain, _)| gain).sum()
    }
}

/// Tells categories from departments among the groups to be forgotten.
const CATEGORY_BIT: usize = 1 << 40;

/// Whether two choices cannot stand in one slate.
pub(crate) fn contradict(a: &Choice, b: &Choice) -> bool {
    a.clashes & b.upsell != 0
        || b.clashes & a.upsell != 0
        || a.item == b.item
        || (a.kind == OfferKind::AddOn && b.kind == OfferKind::AddOn && a.host == b.host)
}
