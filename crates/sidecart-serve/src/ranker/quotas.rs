use serde::{Deserialize, Serialize};

/// How many candidates each source may add; 0 leaves a source out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quotas {
    /// Nearest neighbours of each item of the basket.
    pub neighbours: u32,
    /// Past baskets most like the present one, with all their items.
    pub baskets: u32,
    /// Entries of the linear item model for each item of the basket.
    pub ease: u32,
    /// Items that the customer bought before, the newest first.
    pub own: u32,
    /// Nearest vectors, searched for discovery and where all sources up to `popular` find fewer than
    /// the first stage keeps.
    pub embeddings: u32,
    /// Best sellers of the whole history.
    pub popular: u32,
    /// Of all these, the best by the mixture's weights.
    pub pool: u32,
    /// The same in discovery, where what will be bought is harder to find.
    pub discovery_pool: u32,
    /// Kinds that go with the basket's or are the customer's, best first.
    pub kinds: u32,
    /// Items of each of these kinds.
    pub items_per_kind: u32,
    /// Items of the lines in the basket and in the customer's past, each line.
    pub items_per_line: u32,
    /// Lines of the customer's past.
    pub own_lines: u32,
    /// Substitutes of what the customer bought lately, in discovery.
    pub substitutes: u32,
    /// Best sellers of the newest four weeks.
    pub recent: u32,
    /// The same in the store that the query names.
    pub store: u32,
    /// Items that the query says are on promotion.
    pub promoted: u32,
}

/// Largest quota.
const MAX_QUOTA: u32 = 65_536;
const N_QUOTAS: usize = 16;

impl Default for Quotas {
    fn default() -> Self {
        Self {
            neighbours: 200,
            baskets: 100,
            ease: 200,
            own: 1_000,
            embeddings: 50,
            popular: 40,
            pool: 600,
            discovery_pool: 900,
            kinds: 40,
            items_per_kind: 12,
            items_per_line: 15,
            own_lines: 15,
            substitutes: 60,
            recent: 60,
            store: 30,
            promoted: 50,
        }
    }
}

impl Quotas {
    /// A few candidates from the cheap sources, for the `fast` profile.
    pub const FAST: Self = Self {
        neighbours: 60,
        baskets: 0,
        ease: 60,
        own: 200,
        embeddings: 0,
        popular: 20,
        pool: 200,
        discovery_pool: 200,
        kinds: 0,
        items_per_kind: 0,
        items_per_line: 0,
        own_lines: 0,
        substitutes: 0,
        recent: 0,
        store: 0,
        promoted: 0,
    };

    /// The smaller of the two, source by source.
    #[must_use]
    pub fn at_most(mut self, mut other: Self) -> Self {
        for ((_, quota), (_, most)) in self.fields().into_iter().zip(other.fields()) {
            *quota = (*quota).min(*most);
        }
        self
    }

    /// All with their names.
    #[must_use]
    pub fn named(mut self) -> [(&'static str, u32); N_QUOTAS] {
        self.fields().map(|(name, quota)| (name, *quota))
    }

    fn fields(&mut self) -> [(&'static str, &mut u32); N_QUOTAS] {
        [
            ("neighbours", &mut self.neighbours),
            ("baskets", &mut self.baskets),
            ("ease", &mut self.ease),
            ("own", &mut self.own),
            ("embeddings", &mut self.embeddings),
            ("popular", &mut self.popular),
            ("pool", &mut self.pool),
            ("discovery_pool", &mut self.discovery_pool),
            ("kinds", &mut self.kinds),
            ("items_per_kind", &mut self.items_per_kind),
            ("items_per_line", &mut self.items_per_line),
            ("own_lines", &mut self.own_lines),
            ("substitutes", &mut self.substitutes),
            ("recent", &mut self.recent),
            ("store", &mut self.store),
            ("promoted", &mut self.promoted),
        ]
    }

    /// The first quota out of range, with what is expected: 0 to 65536, the pool at least 1.
    #[must_use]
    pub fn out_of_range(&self) -> Option<(&'static str, u32, &'static str)> {
        let is_wrong = |(name, n): &(&str, u32)| *n > MAX_QUOTA || (name.ends_with("pool") && *n == 0);
        self.named().into_iter().find(is_wrong).map(|(name, n)| {
            let expected = if name.ends_with("pool") {
                "a whole number from 1 to 65536"
            } else {
                "a whole number from 0 to 65536"
            };
            (name, n, expected)
        })
    }
}
