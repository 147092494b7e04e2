//! Groceries, household goods, noise and slow movers: many purchases, habits and ladders.

use super::catalogue::{Assortment, Draft, Role, Row, Shelf};
use super::customers::Segment;
use super::truth::LadderUse;

/// The brand of the shop itself.
pub(super) const PRIVATE_LABEL: &str = "Corner";

pub(super) fn stock(assortment: &mut Assortment) {
    for ladder in &LADDERS {
        ladder.stock(assortment);
    }
    staples(assortment);
    companions(assortment);
    noise(assortment);
}

/// A repeat ladder: tiers of one product in one size, about 1.5 times dearer from step to step.
struct RepeatLadder {
    slug: &'static str,
    shelf: Shelf,
    size: &'static str,
    /// Price of the lowest tier in cents.
    cents: i64,
    /// Tier names from the lowest, each with the brands that compete in it.
    tiers: &'static [(&'static str, [&'static str; 2])],
}

const FOUR_TIERS: &[(&str, [&str; 2])] = &[
    ("Value", ["Corner", "Plain"]),
    ("Classic", ["Barista", "Marlow"]),
    ("Premium", ["Altura", "Vesper"]),
    ("Reserve", ["Altura", "Orchard"]),
];
const THREE_TIERS: &[(&str, [&str; 2])] =
    &[("Value", ["Corner", "Plain"]), ("Classic", ["Fresca", "Marlow"]), ("Premium", ["Vesper", "Orchard"])];

const LADDERS: [RepeatLadder; 9] = [
    RepeatLadder {
        slug: "coffee",
        shelf: Shelf("Grocery", "Hot drinks", "Ground coffee"),
        size: "16 OZ",
        cents: 449,
        tiers: FOUR_TIERS,
    },
    RepeatLadder {
        slug: "tea",
        shelf: Shelf("Grocery", "Hot drinks", "Black tea"),
        size: "50 CT",
        cents: 199,
        tiers: THREE_TIERS,
    },
    RepeatLadder {
        slug: "olive-oil",
        shelf: Shelf("Grocery", "Oils", "Olive oil"),
        size: "500 ML",
        cents: 499,
        tiers: THREE_TIERS,
    },
    RepeatLadder {
        slug: "chocolate",
        shelf: Shelf("Grocery", "Sweets", "Chocolate bar"),
        size: "100 G",
        cents: 99,
        tiers: FOUR_TIERS,
    },
    RepeatLadder {
        slug: "yoghurt",
        shelf: Shelf("Grocery", "Dairy", "Yoghurt"),
        size: "500 G",
        cents: 129,
        tiers: THREE_TIERS,
    },
    RepeatLadder {
        slug: "detergent",
        shelf: Shelf("Household", "Laundry", "Laundry detergent"),
        size: "32 OZ",
        cents: 399,
        tiers: THREE_TIERS,
    },
    RepeatLadder {
        slug: "detergent-large",
        shelf: Shelf("Household", "Laundry", "Laundry detergent"),
        size: "64 OZ",
        cents: 699,
        tiers: THREE_TIERS,
    },
    RepeatLadder {
        slug: "shampoo",
        shelf: Shelf("Household", "Hair care", "Shampoo"),
        size: "400 ML",
        cents: 199,
        tiers: THREE_TIERS,
    },
    RepeatLadder {
        slug: "dog-food",
        shelf: Shelf("Household", "Pets", "Dog food"),
        size: "2 KG",
        cents: 599,
        tiers: THREE_TIERS,
    },
];

impl RepeatLadder {
    fn stock(&self, a: &mut Assortment) {
        let mut tiers = Vec::new();
        let mut cents = self.cents;
        for (tier, brands) in self.tiers {
            let mut ids = Vec::new();
            for (brand_idx, brand) in (0i64..).zip(brands) {
                let id = format!("{}-{}-{}", self.slug, tier.to_lowercase(), brand.to_lowercase());
                ids.push(id.clone());
                // Brands of a tier lie close together, tiers lie far apart.
                let cents = cents * (100 + 4 * brand_idx) / 100;
                let name = format!("{brand} {tier} {}", self.shelf.2.to_lowercase());
                let (shelf, size, role) = (self.shelf, self.size, Role::LadderTier);
                a.add(Draft { id, name, shelf, brand, size, cents, role, weight: 0.0 });
            }
            tiers.push(ids);
            cents = cents * 3 / 2;
        }
        a.ladder(self.slug, LadderUse::Repeat, tiers);
    }
}

/// A shelf and its rows.
type ShelfRows = (Shelf, &'static [Row]);

fn staples(a: &mut Assortment) {
    // Most popular shelves first: an item's weight falls with its position.
    const STAPLES: &[ShelfRows] = &[
        (
            Shelf("Grocery", "Dairy", "Milk"),
            &[
                ("milk-whole", "Whole milk", "Meadow", "1 L", 119),
                ("milk-low-fat", "Low-fat milk", "Meadow", "1 L", 115),
            ],
        ),
        (
            Shelf("Grocery", "Fruit", "Fruit"),
            &[
                ("bananas", "Bananas", "Corner", "1 KG", 169),
                ("apples", "Apples", "Corner", "1 KG", 249),
                ("strawberries", "Strawberries", "Corner", "500 G", 349),
                ("oranges", "Oranges", "Corner", "1 KG", 279),
                ("lemons", "Lemons", "Corner", "4 CT", 159),
            ],
        ),
        (
            Shelf("Grocery", "Bakery", "Bread"),
            &[
                ("bread-white", "White bread", "Millstone", "24 OZ", 189),
                ("bread-rye", "Rye bread", "Millstone", "24 OZ", 239),
                ("rolls", "Breakfast rolls", "Millstone", "6 CT", 199),
                ("burger-buns", "Burger buns", "Millstone", "6 CT", 219),
            ],
        ),
        (
            Shelf("Grocery", "Dairy", "Eggs and butter"),
            &[
                ("eggs", "Free-range eggs", "Meadow", "10 CT", 289),
                ("butter", "Butter", "Meadow", "250 G", 229),
                ("cream", "Whipping cream", "Meadow", "200 ML", 109),
            ],
        ),
        (
            Shelf("Grocery", "Vegetables", "Vegetables"),
            &[
                ("tomatoes", "Tomatoes", "Corner", "500 G", 199),
                ("potatoes", "Potatoes", "Corner", "2 KG", 299),
                ("onions", "Onions", "Corner", "1 KG", 139),
                ("carrots", "Carrots", "Corner", "1 KG", 129),
                ("cucumber", "Cucumber", "Corner", "1 CT", 89),
                ("rocket-salad", "Rocket salad", "Corner", "125 G", 179),
                ("peas", "Frozen peas", "Corner", "450 G", 149),
            ],
        ),
        (
            Shelf("Grocery", "Cheese", "Cheese"),
            &[
                ("cheddar", "Cheddar", "Meadow", "200 G", 279),
                ("gouda", "Gouda", "Meadow", "200 G", 259),
                ("mozzarella", "Mozzarella", "Lucia", "125 G", 119),
                ("parmesan", "Parmesan", "Lucia", "100 G", 329),
                ("cheese-board", "Cheese board", "Meadow", "300 G", 799),
            ],
        ),
        (
            Shelf("Grocery", "Meat and fish", "Meat and fish"),
            &[
                ("chicken-breast", "Chicken breast", "Corner", "500 G", 599),
                ("minced-beef", "Minced beef", "Corner", "500 G", 549),
                ("beef-burgers", "Beef burgers", "Corner", "4 CT", 499),
                ("ham", "Cooked ham", "Corner", "150 G", 229),
                ("salmon", "Salmon fillet", "Corner", "250 G", 699),
            ],
        ),
        (
            Shelf("Grocery", "Pasta and rice", "Pasta and rice"),
            &[
                ("spaghetti", "Spaghetti", "Lucia", "500 G", 139),
                ("penne", "Penne", "Lucia", "500 G", 139),
                ("rice", "Basmati rice", "Plain", "1 KG", 289),
            ],
        ),
        (
            Shelf("Grocery", "Breakfast", "Cereal"),
            &[
                ("cereal-flakes", "Corn flakes", "Sunrise", "16 OZ", 299),
                ("cereal-honey", "Honey loops", "Sunrise", "16 OZ", 349),
                ("cereal-muesli", "Fruit muesli", "Sunrise", "32 OZ", 499),
                ("porridge-oats", "Porridge oats", "Plain", "32 OZ", 199),
                ("strawberry-jam", "Strawberry jam", "Orchard", "12 OZ", 259),
                ("peanut-butter", "Peanut butter", "Orchard", "12 OZ", 329),
            ],
        ),
        (
            Shelf("Household", "Paper", "Paper goods"),
            &[
                ("toilet-paper", "Toilet paper", "Softly", "9 CT", 449),
                ("kitchen-roll", "Kitchen roll", "Softly", "4 CT", 299),
                ("tissues", "Tissues", "Softly", "100 CT", 149),
                ("bin-bags", "Bin bags", "Plain", "20 CT", 229),
            ],
        ),
        (
            Shelf("Grocery", "Drinks", "Soft drinks"),
            &[
                ("water", "Still water", "Fresca", "6 CT", 249),
                ("orange-juice", "Orange juice", "Fresca", "1 L", 229),
                ("lemonade", "Lemonade", "Fresca", "1 L", 139),
                ("tonic-water", "Tonic water", "Fresca", "1 L", 169),
            ],
        ),
        (
            Shelf("Grocery", "Frozen", "Frozen meals"),
            &[
                ("pizza-margherita", "Pizza Margherita", "Lucia", "350 G", 349),
                ("pizza-salami", "Pizza Salami", "Lucia", "350 G", 379),
                ("fish-fingers", "Fish fingers", "Fresca", "10 CT", 329),
                ("vanilla-ice-cream", "Vanilla ice cream", "Meadow", "1 L", 399),
            ],
        ),
        (
            Shelf("Grocery", "Snacks", "Snacks"),
            &[
                ("tortilla-chips", "Tortilla chips", "Crispo", "200 G", 199),
                ("butter-biscuits", "Butter biscuits", "Millstone", "300 G", 219),
                ("salted-nuts", "Salted nuts", "Crispo", "200 G", 249),
                ("crackers", "Crackers", "Crispo", "150 G", 159),
            ],
        ),
        (
            Shelf("Grocery", "Wine and beer", "Wine and beer"),
            &[
                ("red-wine", "Red wine", "Orchard", "750 ML", 799),
                ("white-wine", "White wine", "Orchard", "750 ML", 749),
                ("lager", "Lager", "Marlow", "6 CT", 649),
                ("gin", "Dry gin", "Marlow", "700 ML", 1_699),
            ],
        ),
        (
            Shelf("Household", "Cleaning", "Cleaning"),
            &[
                ("washing-up-liquid", "Washing-up liquid", "Plain", "500 ML", 149),
                ("dishwasher-tabs", "Dishwasher tabs", "Softly", "40 CT", 699),
                ("all-purpose-cleaner", "All-purpose cleaner", "Plain", "750 ML", 229),
            ],
        ),
        (
            Shelf("Household", "Body care", "Body care"),
            &[
                ("toothbrush", "Toothbrush", "Lumina", "2 CT", 349),
                ("hand-soap", "Hand soap", "Lumina", "250 ML", 179),
                ("deodorant", "Deodorant", "Lumina", "50 ML", 299),
                ("razor", "Razor", "Lumina", "1 CT", 899),
                ("nappies", "Nappies", "Softly", "44 CT", 1_199),
            ],
        ),
        (
            Shelf("Household", "Pets", "Cat food"),
            &[
                ("cat-food-chicken", "Cat food Chicken", "Whisk", "12 CT", 549),
                ("cat-food-fish", "Cat food Fish", "Whisk", "12 CT", 549),
            ],
        ),
    ];
    let mut rank = 0;
    for &(shelf, rows) in STAPLES {
        for row in rows {
            a.rows(shelf, Role::Staple, 1_000.0 / f64::from(rank + 4), std::slice::from_ref(row));
            rank += 1;
        }
    }
}

/// Weight among chance purchases of a companion; high, so that the pairs have a direction.
const COMPANION: f64 = 200.0;

/// What goes with the groceries, and household purchases that are planned.
fn companions(a: &mut Assortment) {
    const COMPANIONS: &[ShelfRows] = &[
        (
            Shelf("Grocery", "Pantry", "Sauces and spreads"),
            &[
                ("tomato-sauce", "Tomato sauce", "Lucia", "400 G", 219),
                ("pesto", "Basil pesto", "Lucia", "190 G", 289),
                ("salsa", "Hot salsa", "Crispo", "300 G", 249),
                ("ketchup", "Ketchup", "Crispo", "500 ML", 219),
                ("honey", "Blossom honey", "Orchard", "12 OZ", 449),
            ],
        ),
        (
            Shelf("Grocery", "Hot drinks", "Coffee filters"),
            &[("coffee-filters", "Coffee filters", "Plain", "100 CT", 199)],
        ),
        (Shelf("Grocery", "Drinks", "Oat drink"), &[("oat-drink", "Oat drink", "Fresca", "1 L", 199)]),
        (Shelf("Grocery", "Drinks", "Cola"), &[("cola", "Cola", "Fresca", "1 L", 149)]),
        (
            Shelf("Household", "Body care", "Oral care"),
            &[
                ("toothpaste", "Toothpaste", "Lumina", "75 ML", 249),
                ("razor-blades", "Razor blades", "Lumina", "4 CT", 999),
                ("baby-wipes", "Baby wipes", "Softly", "80 CT", 229),
            ],
        ),
        (
            Shelf("Household", "Pets", "Pet extras"),
            &[("cat-litter", "Cat litter", "Whisk", "10 L", 649), ("dog-treats", "Dog treats", "Whisk", "200 G", 279)],
        ),
    ];
    for &(shelf, rows) in COMPANIONS {
        a.rows(shelf, Role::Accessory, COMPANION, rows);
    }
    a.rows(
        Shelf("Household", "Kitchen", "Kitchen supplies"),
        Role::Accessory,
        60.0,
        &[
            ("descaler", "Descaler", "Plain", "250 ML", 399),
            ("firelighters", "Firelighters", "Plain", "32 CT", 249),
            ("ink-black", "Black ink", "Printa", "1 CT", 2_299),
        ],
    );
    a.rows(
        Shelf("Household", "Appliances", "Appliances"),
        Role::Project,
        90.0,
        &[
            ("coffee-machine", "Filter coffee machine", "Printa", "", 7_900),
            ("printer", "Home printer", "Printa", "", 11_900),
            ("charcoal-grill", "Charcoal grill", "Printa", "", 8_900),
        ],
    );

    for (anchor, attached, probability) in [
        ("spaghetti", "tomato-sauce", 0.45),
        ("penne", "pesto", 0.40),
        ("tortilla-chips", "salsa", 0.45),
        ("beef-burgers", "ketchup", 0.50),
        ("cereal-muesli", "oat-drink", 0.40),
        ("toothbrush", "toothpaste", 0.40),
        ("razor", "razor-blades", 0.40),
        ("nappies", "baby-wipes", 0.40),
        ("cat-food-chicken", "cat-litter", 0.25),
        ("cat-food-fish", "cat-litter", 0.25),
        ("coffee-machine", "coffee-filters", 0.50),
        ("coffee-machine", "descaler", 0.30),
        ("printer", "ink-black", 0.55),
        ("charcoal-grill", "firelighters", 0.45),
        ("coffee-classic-barista", "coffee-filters", 0.35),
        ("dog-food-classic-fresca", "dog-treats", 0.45),
        ("red-wine", "saucer-gilt", 0.06),
    ] {
        a.complement(anchor, attached, probability);
    }
    // One anchor, another companion in each segment.
    a.segment_complement(Segment::Students, "pizza-margherita", "cola", 0.45);
    a.segment_complement(Segment::Professionals, "pizza-margherita", "pesto", 0.45);
    a.segment_complement(Segment::Families, "pizza-margherita", "ketchup", 0.45);
    a.segment_complement(Segment::Pensioners, "porridge-oats", "honey", 0.40);
}

fn noise(a: &mut Assortment) {
    const NOISE: &[ShelfRows] = &[
        (
            Shelf("Leisure", "Paper shop", "Stationery"),
            &[
                ("ballpoint-pens", "Ballpoint pens", "Scripto", "4 CT", 299),
                ("notebook-lined", "Lined notebook", "Scripto", "", 349),
                ("greeting-card", "Greeting card", "Scripto", "", 279),
                ("gift-wrap", "Gift wrap", "Scripto", "", 349),
                ("sticky-tape", "Sticky tape", "Scripto", "", 199),
                ("wall-calendar", "Wall calendar", "Scripto", "", 999),
                ("colouring-pencils", "Colouring pencils", "Scripto", "12 CT", 549),
            ],
        ),
        (
            Shelf("Leisure", "Press", "Magazines"),
            &[
                ("magazine-news", "News weekly", "Courier", "", 490),
                ("magazine-garden", "Garden monthly", "Courier", "", 590),
                ("magazine-puzzle", "Puzzle book", "Courier", "", 390),
                ("paperback-crime", "Crime paperback", "Courier", "", 1_199),
            ],
        ),
        (
            Shelf("Household", "Hardware", "Hardware"),
            &[
                ("batteries-aa", "Batteries AA", "Voltix", "8 CT", 699),
                ("batteries-aaa", "Batteries AAA", "Voltix", "8 CT", 699),
                ("light-bulb", "Light bulb", "Voltix", "2 CT", 599),
                ("extension-lead", "Extension lead", "Voltix", "", 1_299),
                ("torch", "Pocket torch", "Voltix", "", 999),
                ("screwdriver-set", "Screwdriver set", "Voltix", "", 1_499),
            ],
        ),
        (
            Shelf("Leisure", "Toys", "Toys"),
            &[
                ("card-game", "Card game", "Tumble", "", 999),
                ("building-bricks", "Building bricks", "Tumble", "", 2_499),
                ("soft-toy-bear", "Soft toy bear", "Tumble", "", 1_799),
                ("bouncy-ball", "Bouncy ball", "Tumble", "", 399),
                ("jigsaw-puzzle", "Jigsaw puzzle", "Tumble", "", 1_499),
            ],
        ),
        (
            Shelf("Household", "Home", "Home"),
            &[
                ("scented-candle", "Scented candle", "Glow", "", 899),
                ("picture-frame", "Picture frame", "Glow", "", 1_199),
                ("throw-cushion", "Throw cushion", "Glow", "", 1_499),
                ("house-plant", "House plant", "Glow", "", 1_299),
                ("umbrella", "Umbrella", "Glow", "", 1_599),
                ("sunglasses", "Sunglasses", "Glow", "", 1_999),
            ],
        ),
        (
            Shelf("Leisure", "Textiles", "Textiles"),
            &[
                ("socks-black", "Black socks", "Woolly", "3 CT", 899),
                ("tights", "Tights", "Woolly", "", 699),
                ("gloves", "Gloves", "Woolly", "", 1_299),
                ("scarf", "Scarf", "Woolly", "", 1_699),
                ("tote-bag", "Tote bag", "Woolly", "", 599),
                ("beach-towel", "Beach towel", "Woolly", "", 1_799),
                ("rain-poncho", "Rain poncho", "Woolly", "", 999),
            ],
        ),
    ];
    let mut rank = 0;
    for &(shelf, rows) in NOISE {
        for row in rows {
            a.rows(shelf, Role::Noise, 800.0 / f64::from(rank + 6), std::slice::from_ref(row));
            rank += 1;
        }
    }
    const SLOW_MOVERS: &[Row] = &[
        ("saucer-gilt", "Gilt saucer", "Heirloom", "", 2_499),
        ("fondue-set", "Fondue set", "Heirloom", "", 4_999),
        ("egg-cup-marble", "Marble egg cup", "Heirloom", "", 1_899),
        ("cake-stand", "Three-storey cake stand", "Heirloom", "", 3_499),
        ("butter-dish", "Butter dish", "Heirloom", "", 2_199),
        ("napkin-rings", "Napkin rings", "Heirloom", "6 CT", 1_799),
        ("cruet-set", "Cruet set", "Heirloom", "", 2_299),
        ("tea-cosy", "Tea cosy", "Heirloom", "", 1_599),
        ("nutcracker", "Brass nutcracker", "Heirloom", "", 1_999),
        ("candle-snuffer", "Candle snuffer", "Heirloom", "", 1_399),
        ("letter-opener", "Letter opener", "Heirloom", "", 1_299),
        ("fish-knives", "Fish knives", "Heirloom", "6 CT", 3_999),
        ("soup-tureen", "Soup tureen", "Heirloom", "", 5_499),
        ("decanter", "Crystal decanter", "Heirloom", "", 6_999),
        ("sugar-tongs", "Sugar tongs", "Heirloom", "", 999),
        ("trivet-iron", "Iron trivet", "Heirloom", "", 1_499),
        ("punch-bowl", "Punch bowl", "Heirloom", "", 4_499),
        ("ice-bucket", "Ice bucket", "Heirloom", "", 3_299),
    ];
    a.rows(Shelf("Household", "Tableware", "Tableware"), Role::SlowMover, 1.5, SLOW_MOVERS);
}
