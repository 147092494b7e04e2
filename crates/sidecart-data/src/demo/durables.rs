//! Phones, bedroom, cars, salon and software: few purchases, clear companions.

use super::catalogue::{Assortment, Draft, Role, Shelf};
use super::truth::LadderUse;

/// Weight among chance purchases of an accessory. So many are bought alone that a phone announces
/// its case more surely than a case announces a phone: the pairs have a direction.
const ACCESSORY: f64 = 60.0;

pub(super) fn stock(assortment: &mut Assortment) {
    phones(assortment);
    bedroom(assortment);
    cars(assortment);
    salon(assortment);
    software(assortment);
}

struct PhoneFamily {
    brand: &'static str,
    slug: &'static str,
    charger: &'static str,
    earbuds: &'static str,
    /// Slug, name and price in cents from the lowest to the highest tier.
    tiers: [(&'static str, &'static str, i64); 3],
}

const PHONES: [PhoneFamily; 4] = [
    PhoneFamily {
        brand: "Galaxo",
        slug: "phone-s22",
        charger: "charger-galaxo",
        earbuds: "earbuds-galaxo-pro",
        tiers: [
            ("s22", "Galaxo S22", 79_900),
            ("s22-plus", "Galaxo S22 Plus", 99_900),
            ("s22-ultra", "Galaxo S22 Ultra", 129_900),
        ],
    },
    PhoneFamily {
        brand: "Galaxo",
        slug: "phone-a14",
        charger: "charger-galaxo",
        earbuds: "earbuds-galaxo",
        tiers: [
            ("a14", "Galaxo A14", 19_900),
            ("a14-plus", "Galaxo A14 Plus", 26_900),
            ("a14-ultra", "Galaxo A14 Ultra", 35_900),
        ],
    },
    PhoneFamily {
        brand: "Pomelo",
        slug: "phone-pomelo-9",
        charger: "charger-pomelo",
        earbuds: "earbuds-pomelo-pro",
        tiers: [
            ("pomelo-9", "Pomelo 9", 89_900),
            ("pomelo-9-pro", "Pomelo 9 Pro", 114_900),
            ("pomelo-9-max", "Pomelo 9 Max", 149_900),
        ],
    },
    PhoneFamily {
        brand: "Nordex",
        slug: "phone-x3",
        charger: "charger-nordex",
        earbuds: "earbuds-nordex",
        tiers: [
            ("x3-lite", "Nordex X3 Lite", 29_900),
            ("x3", "Nordex X3", 42_900),
            ("x3-pro", "Nordex X3 Pro", 57_900),
        ],
    },
];

fn phones(a: &mut Assortment) {
    for family in &PHONES {
        let top = family.tiers.len() - 1;
        for (tier, &(slug, name, cents)) in family.tiers.iter().enumerate() {
            let brand = family.brand;
            let phone = format!("phone-{slug}");
            let mut add = |id: String, name: String, shelf, cents, role, weight| {
                a.add(Draft { id, name, shelf, brand, size: "", cents, role, weight });
            };
            add(phone.clone(), name.into(), Shelf("Electronics", "Phones", "Smartphone"), cents, Role::Phone, 0.0);
            let accessories = "Phone accessories";
            let case = Shelf("Electronics", accessories, "Phone case");
            add(format!("case-{slug}"), format!("Case for {name}"), case, 2_499, Role::Accessory, ACCESSORY);
            let protector = Shelf("Electronics", accessories, "Screen protector");
            add(
                format!("protector-{slug}"),
                format!("Screen protector for {name}"),
                protector,
                1_499,
                Role::Accessory,
                ACCESSORY,
            );
            if tier == top {
                add(
                    format!("leather-case-{slug}"),
                    format!("Leather case for {name}"),
                    case,
                    4_999,
                    Role::Accessory,
                    60.0,
                );
                let plan = Shelf("Electronics", "Protection", "Phone protection");
                add(format!("protection-{slug}"), format!("Protection for {name}"), plan, 8_900, Role::AddOn, 0.0);
            }

            let step = 0.06 * tier as f64;
            a.complement(&phone, format!("case-{slug}"), 0.42 + step);
            a.complement(&phone, format!("protector-{slug}"), 0.34 + step);
            if tier < top {
                a.complement(&phone, family.charger, 0.25);
            } else {
                a.complement(&phone, format!("leather-case-{slug}"), 0.25);
                a.complement(&phone, family.earbuds, 0.25);
                a.add_on(format!("protection-{slug}"), &phone, 0.22);
            }
        }
        let tiers = family.tiers.iter().map(|(slug, ..)| vec![format!("phone-{slug}")]).collect();
        a.ladder(family.slug, LadderUse::Replacement, tiers);
    }
    let accessories = "Phone accessories";
    a.rows(
        Shelf("Electronics", accessories, "Charger"),
        Role::Accessory,
        ACCESSORY,
        &[
            ("charger-galaxo", "Galaxo fast charger", "Galaxo", "", 2_999),
            ("charger-pomelo", "Pomelo fast charger", "Pomelo", "", 3_499),
            ("charger-nordex", "Nordex fast charger", "Nordex", "", 1_999),
        ],
    );
    a.rows(
        Shelf("Electronics", accessories, "Earbuds"),
        Role::Accessory,
        ACCESSORY,
        &[
            ("earbuds-galaxo", "Galaxo Buds", "Galaxo", "", 7_900),
            ("earbuds-galaxo-pro", "Galaxo Buds Pro", "Galaxo", "", 15_900),
            ("earbuds-pomelo", "Pomelo Pods", "Pomelo", "", 12_900),
            ("earbuds-pomelo-pro", "Pomelo Pods Pro", "Pomelo", "", 22_900),
            ("earbuds-nordex", "Nordex Tune", "Nordex", "", 4_900),
        ],
    );
}

fn bedroom(a: &mut Assortment) {
    /// Slug, name, price of the 90 cm and of the 160 cm width in cents, pillow that goes with it.
    const MATTRESSES: [(&str, &str, i64, i64, &str); 3] = [
        ("spring", "Spring mattress", 14_900, 24_900, "pillow-feather"),
        ("memory", "Memory foam mattress", 24_900, 42_900, "pillow-memory"),
        ("cloud", "Cloud foam mattress", 39_900, 69_900, "pillow-cloud"),
    ];
    /// Width, size text, and the position of the price in a row above.
    const WIDTHS: [(&str, &str); 2] = [("90", "90 CM"), ("160", "160 CM")];
    for (width_idx, (width, size)) in WIDTHS.into_iter().enumerate() {
        let mut add = |id: String, name: String, shelf, cents, role, weight| {
            a.add(Draft { id, name, shelf, brand: "Slumber", size, cents, role, weight });
        };
        for (slug, name, narrow, wide, _) in MATTRESSES {
            let cents = if width_idx == 0 { narrow } else { wide };
            let shelf = Shelf("Bedroom", "Mattresses", "Mattress");
            add(format!("mattress-{slug}-{width}"), format!("{name} {width} cm"), shelf, cents, Role::Project, 130.0);
        }
        let double = 1 + width_idx as i64;
        let linen = Shelf("Bedroom", "Bed linen", "Linen set");
        for (slug, name, cents) in [("cotton", "Cotton bed linen", 3_900), ("satin", "Satin bed linen", 6_900)] {
            let id = format!("linen-{slug}-{width}");
            add(id, format!("{name} {width} cm"), linen, cents * double, Role::Accessory, ACCESSORY);
        }
        let protector = Shelf("Bedroom", "Mattresses", "Mattress protector");
        let id = format!("mattress-protector-{width}");
        add(id, format!("Mattress protector {width} cm"), protector, 1_900 * double, Role::Accessory, ACCESSORY);
        let frame = Shelf("Bedroom", "Bed frames", "Bed frame");
        for (slug, name, cents) in [("pine", "Pine bed frame", 12_900), ("oak", "Oak bed frame", 24_900)] {
            let id = format!("frame-{slug}-{width}");
            add(id, format!("{name} {width} cm"), frame, cents * double, Role::Project, 70.0);
        }
        let set = Shelf("Bedroom", "Bed sets", "Whole bed set");
        for (slug, name, cents) in [("basic", "Whole bed set Basic", 34_900), ("royal", "Whole bed set Royal", 69_900)]
        {
            let id = format!("bed-set-{slug}-{width}");
            add(id, format!("{name} {width} cm"), set, cents * double, Role::Project, 60.0);
        }

        for (slug, .., pillow) in MATTRESSES {
            a.complement(format!("mattress-{slug}-{width}"), pillow, 0.35);
            a.complement(format!("mattress-{slug}-{width}"), format!("mattress-protector-{width}"), 0.40);
        }
        for wood in ["pine", "oak"] {
            a.complement(format!("frame-{wood}-{width}"), format!("linen-cotton-{width}"), 0.30);
        }
        a.complement(format!("bed-set-royal-{width}"), format!("linen-satin-{width}"), 0.35);
        let tiers = |prefix: &str, slugs: &[&str]| -> Vec<Vec<String>> {
            slugs.iter().map(|slug| vec![format!("{prefix}-{slug}-{width}")]).collect()
        };
        a.ladder(format!("mattress-{width}"), LadderUse::Choice, tiers("mattress", &["spring", "memory", "cloud"]));
        a.ladder(format!("frame-{width}"), LadderUse::Choice, tiers("frame", &["pine", "oak"]));
        a.ladder(format!("bed-set-{width}"), LadderUse::Choice, tiers("bed-set", &["basic", "royal"]));
    }
    a.rows(
        Shelf("Bedroom", "Pillows", "Pillow"),
        Role::Accessory,
        ACCESSORY,
        &[
            ("pillow-feather", "Feather pillow", "Slumber", "", 1_990),
            ("pillow-memory", "Memory foam pillow", "Slumber", "", 3_490),
            ("pillow-cloud", "Cloud foam pillow", "Slumber", "", 4_990),
            ("pillow-kids", "Children's pillow", "Slumber", "", 1_490),
        ],
    );
}

fn cars(a: &mut Assortment) {
    const CARS: [(&str, &str, i64); 4] = [
        ("city", "Velo City", 1_490_000),
        ("city-sport", "Velo City Sport", 1_890_000),
        ("suv", "Velo SUV", 3_190_000),
        ("suv-hybrid", "Velo SUV Hybrid", 4_090_000),
    ];
    for (slug, name, cents) in CARS {
        let mut add = |id: String, name: String, shelf, cents, role, weight| {
            a.add(Draft { id, name, shelf, brand: "Velo", size: "", cents, role, weight });
        };
        add(format!("car-{slug}"), name.into(), Shelf("Car", "Cars", "Car"), cents, Role::Project, 30.0);
        let warranty = Shelf("Car", "Protection", "Extended warranty");
        let price = cents / 25;
        add(format!("warranty-{slug}"), format!("Extended warranty for {name}"), warranty, price, Role::AddOn, 0.0);
        let mats = Shelf("Car", "Car accessories", "Car mats");
        add(format!("mats-{slug}"), format!("Car mats for {name}"), mats, 8_900, Role::Accessory, 12.0);
        a.complement(format!("car-{slug}"), format!("mats-{slug}"), 0.55);
        a.add_on(format!("warranty-{slug}"), format!("car-{slug}"), 0.60);
    }
    a.complement("car-suv", "child-seat", 0.40);
    a.complement("car-suv-hybrid", "child-seat", 0.40);
    a.complement("car-wash-shampoo", "car-wax", 0.30);
    for (ladder, tiers) in [("car-city", ["city", "city-sport"]), ("car-suv", ["suv", "suv-hybrid"])] {
        a.ladder(ladder, LadderUse::Choice, tiers.iter().map(|slug| vec![format!("car-{slug}")]).collect());
    }
    a.rows(
        Shelf("Car", "Car accessories", "Child seat"),
        Role::Accessory,
        ACCESSORY,
        &[("child-seat", "Child seat", "Velo", "", 17_900), ("child-seat-booster", "Booster seat", "Velo", "", 4_900)],
    );
    a.rows(
        Shelf("Car", "Car care", "Car care"),
        Role::Accessory,
        ACCESSORY,
        &[
            ("car-wash-shampoo", "Car shampoo", "Shinex", "500 ML", 690),
            ("car-wax", "Car wax", "Shinex", "250 ML", 1_290),
            ("car-screen-wash", "Screen wash", "Shinex", "5 L", 590),
        ],
    );
}

fn salon(a: &mut Assortment) {
    for (id, name, kind, cents) in [
        ("manicure", "Manicure", "Manicure", 2_900),
        ("manicure-spa", "Spa manicure", "Manicure", 4_500),
        ("pedicure", "Pedicure", "Pedicure", 3_500),
        ("pedicure-spa", "Spa pedicure", "Pedicure", 5_500),
    ] {
        let weight = if kind == "Manicure" { 220.0 } else { 150.0 };
        let shelf = Shelf("Beauty", "Salon", kind);
        let (brand, size) = ("Lumina", "");
        a.add(Draft { id: id.into(), name: name.into(), shelf, brand, size, cents, role: Role::Project, weight });
    }
    a.rows(
        Shelf("Beauty", "Nails", "Nail polish"),
        Role::Accessory,
        ACCESSORY,
        &[
            ("polish-red", "Nail polish Red", "Lumina", "10 ML", 790),
            ("polish-rose", "Nail polish Rose", "Lumina", "10 ML", 790),
            ("polish-clear", "Nail polish Clear", "Lumina", "10 ML", 690),
            ("polish-night", "Nail polish Night blue", "Lumina", "10 ML", 790),
        ],
    );
    a.rows(
        Shelf("Beauty", "Creams", "Cream"),
        Role::Accessory,
        ACCESSORY,
        &[
            ("hand-cream", "Hand cream", "Lumina", "75 ML", 450),
            ("hand-cream-rich", "Rich hand cream", "Lumina", "75 ML", 690),
            ("foot-cream", "Foot cream", "Lumina", "100 ML", 550),
            ("polish-remover", "Polish remover", "Lumina", "100 ML", 290),
        ],
    );
    a.complement("manicure", "pedicure", 0.40);
    a.complement("manicure-spa", "pedicure-spa", 0.40);
    a.complement("manicure", "hand-cream", 0.25);
    a.complement("manicure-spa", "hand-cream-rich", 0.30);
    a.complement("pedicure-spa", "foot-cream", 0.30);
    a.complement("polish-red", "polish-remover", 0.30);
    a.ladder("manicure", LadderUse::Choice, vec![vec!["manicure".into()], vec!["manicure-spa".into()]]);
    a.ladder("pedicure", LadderUse::Choice, vec![vec!["pedicure".into()], vec!["pedicure-spa".into()]]);
}

fn software(a: &mut Assortment) {
    for (slug, name, kind, base) in [
        ("ledgerly", "Ledgerly", "Accounting plan", 900),
        ("safebox", "Safebox", "Backup plan", 500),
        ("sketchpad", "Sketchpad", "Design plan", 1_200),
    ] {
        let mut add = |id: String, name: String, kind, cents, role| {
            let shelf = Shelf("Software", "Plans", kind);
            a.add(Draft { id, name, shelf, brand: "Cloudworks", size: "", cents, role, weight: 0.0 });
        };
        let tiers = [("basic", "Basic", base), ("pro", "Pro", base * 2), ("business", "Business", base * 4)];
        for (tier, label, cents) in tiers {
            add(format!("{slug}-{tier}"), format!("{name} {label}"), kind, cents, Role::Plan);
        }
        add(format!("{slug}-support"), format!("Priority support for {name} Business"), "Support", base, Role::AddOn);
        a.add_on(format!("{slug}-support"), format!("{slug}-business"), 0.30);
        let tiers = tiers.iter().map(|(tier, ..)| vec![format!("{slug}-{tier}")]).collect();
        a.ladder(slug, LadderUse::Subscription, tiers);
    }
}
