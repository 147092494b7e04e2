//! The best slate: exact search by branch and bound.
//!
//! Chosen are some of the choices, so that the sum of their values is greatest. The r-th best
//! choice of a department counts `(1 - diversity)^(r - 1)` of its value, so that a further choice
//! never makes a slate worse, and adds the less the more there are.
//!
//! Branches are over upsells and add-ons, of which there are few. What to add beside them is then
//! found by taking, again and again, the choice that adds most: of one department the best ones
//! that the caps of its categories allow dominate any others, place by place, and what each
//! further one adds falls, so that nothing is lost by it. What they add one by one, and what each
//! upsell or add-on that is left would add alone, bounds the branches.

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

/// Memory of one thread.
#[derive(Default)]
pub(crate) struct SearchMemory {
    /// Positions of the upsells and add-ons.
    specials: Vec<usize>,
    chosen: Vec<usize>,
    /// What each choice to add adds after those before it.
    gains: Vec<f64>,
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
}

impl SearchMemory {
    /// Finds the best slate of choices in their [order](Choice::order); those to add are distinct items. Of equal slates that counts
    /// which has the better upsells and add-ons, then the better choices to add.
    pub(crate) fn search(&mut self, choices: &[Choice], limits: &Limits) {
        self.specials.clear();
        self.specials.extend((0..choices.len()).filter(|&at| choices[at].kind != OfferKind::CrossSell));
        self.chosen.clear();
        self.best.clear();
        self.best_value = 0.0;
        self.n_visited = 0;
        let mut weights = [1.0; MAX_SLATE + 1];
        for place in 1..weights.len() {
            weights[place] = weights[place - 1] * (1.0 - limits.diversity);
        }
        let limits = Limits { total: limits.total.min(MAX_SLATE), ..*limits };
        let mut search = Search { choices, limits: &limits, memory: self, weights };
        search.descend(0);
        self.best.sort_unstable();
    }
}

impl Search<'_> {
    /// Completes the chosen upsells and add-ons, then tries each further one from a place on.
    fn descend(&mut self, from: usize) {
        self.memory.n_visited += 1;
        let n_chosen = self.memory.chosen.len();
        let mut gains = [0.0; MAX_SLATE];
        let n_gains = self.complete();
        gains[..n_gains].copy_from_slice(&self.memory.gains);
        let value = self.value();
        if value > self.memory.best_value {
            self.memory.best_value = value;
            let SearchMemory { best, chosen, .. } = &mut *self.memory;
            best.clone_from(chosen);
        }
        self.memory.chosen.truncate(n_chosen);
        if n_chosen == self.limits.total {
            return;
        }
        let own = self.value();
        for place in from..self.memory.specials.len() {
            if (own + self.bound(place, &gains[..n_gains])) * SLACK <= self.memory.best_value {
                return;
            }
            let at = self.memory.specials[place];
            if self.fits(&self.choices[at]) {
                self.memory.chosen.push(at);
                self.descend(place + 1);
                self.memory.chosen.pop();
            }
        }
    }

    /// Adds the best choices to add to the chosen ones; their number, what each adds is in `gains`.
    fn complete(&mut self) -> usize {
        self.memory.gains.clear();
        while self.memory.chosen.len() < self.limits.total {
            let mut best: Option<(f64, usize)> = None;
            for (at, choice) in self.choices.iter().enumerate() {
                if best.is_some_and(|(gain, _)| choice.value <= gain) {
                    break;
                }
                if choice.kind != OfferKind::CrossSell || self.memory.chosen.contains(&at) || !self.fits(choice) {
                    continue;
                }
                let gain = self.gain(choice);
                if best.is_none_or(|(most, _)| gain > most) {
                    best = Some((gain, at));
                }
            }
            let Some((gain, at)) = best else { break };
            self.memory.chosen.push(at);
            self.memory.gains.push(gain);
        }
        self.memory.gains.len()
    }

    /// Whether a choice may join the chosen ones.
    fn fits(&self, choice: &Choice) -> bool {
        let (mut n_kind, mut n_category) = (0, 0);
        for &at in &self.memory.chosen {
            let other = &self.choices[at];
            if contradict(choice, other) {
                return false;
            }
            n_kind += usize::from(other.kind == choice.kind);
            n_category += usize::from(other.category == choice.category && choice.category != NO_GROUP);
        }
        n_kind < self.limits.per_kind[choice.kind as usize] && n_category < self.limits.per_category
    }

    /// What a choice adds to the chosen ones: its value at its place in its department, less what those
    /// behind it lose by moving on.
    fn gain(&self, choice: &Choice) -> f64 {
        if choice.department == NO_GROUP {
            return choice.value;
        }
        let mut values = [0.0; MAX_SLATE];
        let n = self.department(choice.department, &mut values);
        let place = values[..n].partition_point(|&value| value >= choice.value);
        let lost = (place..n).map(|at| values[at] * (self.weights[at] - self.weights[at + 1]));
        choice.value * self.weights[place] - lost.sum::<f64>()
    }

    /// The values of the chosen ones of a department, falling; their number.
    fn department(&self, department: u32, values: &mut [f64; MAX_SLATE]) -> usize {
        let mut n = 0;
        for &at in &self.memory.chosen {
            if self.choices[at].department == department {
                values[n] = self.choices[at].value;
                n += 1;
            }
        }
        values[..n].sort_unstable_by(|a, b| b.total_cmp(a));
        n
    }

    /// The value of the chosen ones.
    fn value(&self) -> f64 {
        let chosen = &self.memory.chosen;
        let mut sum = 0.0;
        for (number, &at) in chosen.iter().enumerate() {
            let department = self.choices[at].department;
            if department == NO_GROUP {
                sum += self.choices[at].value;
            } else if chosen[..number].iter().all(|&before| self.choices[before].department != department) {
                let mut values = [0.0; MAX_SLATE];
                let n = self.department(department, &mut values);
                sum += values[..n].iter().zip(&self.weights).map(|(value, weight)| value * weight).sum::<f64>();
            }
        }
        sum
    }

    /// At least what choices to add, and upsells and add-ons from a place on, can add to the chosen
    /// ones: the best of both, as many as there is room for.
    fn bound(&self, from: usize, gains: &[f64]) -> f64 {
        let room = self.limits.total - self.memory.chosen.len();
        let mut left = self.limits.per_kind;
        for &at in &self.memory.chosen {
            left[self.choices[at].kind as usize] -= 1;
        }
        // What each would add alone, falling, with its kind; as many of a kind as its cap leaves.
        let mut alone = [(0.0f64, 0usize); MAX_SLATE + 1];
        let (mut n, mut of_kind) = (0, [0usize; N_KINDS]);
        for &at in &self.memory.specials[from..] {
            let choice = &self.choices[at];
            if n == room && choice.value <= alone[room - 1].0 {
                break;
            }
            let kind = choice.kind as usize;
            if left[kind] == 0 || !self.fits(choice) {
                continue;
            }
            let gain = self.gain(choice);
            let worst = match () {
                () if of_kind[kind] == left[kind] => alone[..n].iter().rposition(|&(_, other)| other == kind),
                () if n == room => Some(n - 1),
                () => None,
            };
            if let Some(worst) = worst {
                if gain <= alone[worst].0 {
                    continue;
                }
                of_kind[alone[worst].1] -= 1;
                alone.copy_within(worst + 1..n, worst);
                n -= 1;
            }
            let place = alone[..n].partition_point(|&(other, _)| other >= gain);
            alone.copy_within(place..n, place + 1);
            alone[place] = (gain, kind);
            n += 1;
            of_kind[kind] += 1;
        }
        let (mut sum, mut a, mut b) = (0.0, 0, 0);
        for _ in 0..room {
            let (add, special) = (gains.get(a).copied().unwrap_or(0.0), if b < n { alone[b].0 } else { 0.0 });
            sum += add.max(special);
            if add >= special { a += 1 } else { b += 1 }
        }
        sum
    }
}

/// Whether two choices cannot stand in one slate.
pub(crate) fn contradict(a: &Choice, b: &Choice) -> bool {
    a.clashes & b.upsell != 0
        || b.clashes & a.upsell != 0
        || a.item == b.item
        || (a.kind == OfferKind::AddOn && b.kind == OfferKind::AddOn && a.host == b.host)
}
