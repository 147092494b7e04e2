//! What is damaged is refused, and what is missing is done without.

use sidecart_artifact::{Container, ContainerWriter, Dtype};

use super::*;
use crate::error::Error;
use crate::model::Model;
use crate::sections as names;
use crate::settings::ServingSettings;

enum Tensor {
    Longs(Vec<i64>),
    Doubles(Vec<u64>),
    Numbers(Vec<u32>),
    Floats(Vec<f32>),
    Bytes(Vec<u8>),
}

fn shop() -> Shop {
    let mut shop = Shop::new(&[1_000, 2_000, 300, 400]);
    shop.categories = vec![("Home", NO_GROUP), ("Lamps", 0)];
    shop.brands = vec!["Acme"];
    shop.items[0] =
        OfferItem { category: 1, brand: 0, stock: Some(Quantity(5_000)), sold_per_day: Some(0.5), ..item(1_000) };
    shop.items[1].margin = Some(Money(70));
    shop.hosts = vec![(2, Host::Item(ItemId(0))), (3, Host::Category(0))];
    shop.attributes =
        vec![("watts", vec![Some("5"), None, Some("7"), None]), ("shape", vec![Some("round"), None, None, None])];
    shop.near(0, 1, 0.5)
}

/// Reads the model again with one value of one tensor changed.
fn read(shop: &Shop, change: impl Fn(&str, &mut Tensor)) -> crate::Result<Model> {
    let (bytes, settings) = shop.bytes();
    let container = Container::from_bytes("whole", &bytes).unwrap();
    let mut writer = ContainerWriter::new();
    for (name, info) in container.tensors() {
        let shape = info.shape.to_vec();
        macro_rules! copy {
            ($kind:ident, $type:ty) => {{
                let values = container.get(&container.section::<$type>(name).unwrap()).to_vec();
                let mut tensor = Tensor::$kind(values);
                change(name, &mut tensor);
                let Tensor::$kind(values) = tensor else { panic!("another type") };
                writer.add_owned::<$type>(name, values, &shape).unwrap();
            }};
        }
        match info.dtype {
            Dtype::I64 => copy!(Longs, i64),
            Dtype::U64 => copy!(Doubles, u64),
            Dtype::U32 => copy!(Numbers, u32),
            Dtype::F32 => copy!(Floats, f32),
            Dtype::U8 => copy!(Bytes, u8),
            other => panic!("{name} is {other}"),
        }
    }
    let container = Container::from_bytes("changed", &writer.to_bytes().unwrap()).unwrap();
    Model::read(container, settings, shop.clock)
}

#[test]
fn damaged_facts_are_refused() {
    let shop = shop();
    assert!(read(&shop, |_, _| {}).is_ok(), "undamaged");
    let longs: [(&str, usize, i64); 5] = [
        (names::OFFER_MONEY, 0, -1),
        (names::OFFER_MONEY, 0, i64::MAX),
        (names::OFFER_MONEY, 1, i64::MAX),
        (names::OFFER_STOCK, 0, -2),
        (names::OFFER_STOCK, 3, i64::MIN),
    ];
    for (tensor, at, value) in longs {
        let damaged = read(&shop, |name, values| match values {
            Tensor::Longs(values) if name == tensor => values[at] = value,
            _ => {}
        });
        assert!(matches!(damaged, Err(Error::Model { .. })), "{tensor} {at} {value}");
    }
    let numbers: [(&str, usize, u32); 9] = [
        (names::OFFER_GROUPS, 0, 2),
        (names::OFFER_GROUPS, 1, 1),
        (names::OFFER_CATEGORY_PARENTS, 0, 0),
        (names::OFFER_CATEGORY_PARENTS, 1, 1),
        (names::OFFER_HOSTS, 0, 4),
        (names::OFFER_HOSTS, 1, 2),
        (names::OFFER_HOSTS, 2, 4),
        (names::OFFER_HOSTS, 5, 2),
        (names::OFFER_ATTRIBUTE_FORMS, 0, 2),
    ];
    for (tensor, at, value) in numbers {
        let damaged = read(&shop, |name, values| match values {
            Tensor::Numbers(values) if name == tensor => values[at] = value,
            _ => {}
        });
        assert!(matches!(damaged, Err(Error::Model { .. })), "{tensor} {at} {value}");
    }
    for (at, value) in [(0, f64::NAN.to_bits()), (2, f64::INFINITY.to_bits()), (4, 1)] {
        let damaged = read(&shop, |name, values| match values {
            Tensor::Doubles(values) if name == names::OFFER_ATTRIBUTE_VALUES => values[at] = value,
            _ => {}
        });
        assert!(matches!(damaged, Err(Error::Model { .. })), "attribute value {at}");
    }
    let damaged = read(&shop, |name, values| match values {
        Tensor::Floats(values) if name == names::OFFER_SOLD_PER_DAY => values[0] = -0.5,
        _ => {}
    });
    assert!(matches!(damaged, Err(Error::Model { .. })), "a negative rate of sales");
}

#[test]
fn an_artifact_without_facts_still_opens() {
    let mut shop = shop();
    shop.ladders = vec![vec![(vec![0], 0.2), (vec![1], 0.0)]];
    let (bytes, settings) = shop.bytes();
    let container = Container::from_bytes("whole", &bytes).unwrap();
    let mut writer = ContainerWriter::new();
    for (name, info) in container.tensors().filter(|(name, _)| !name.starts_with("offers.")) {
        let shape = info.shape.to_vec();
        macro_rules! copy {
            ($type:ty) => {
                writer
                    .add_owned(name, container.get(&container.section::<$type>(name).unwrap()).to_vec(), &shape)
                    .unwrap()
            };
        }
        match info.dtype {
            Dtype::I64 => copy!(i64),
            Dtype::U64 => copy!(u64),
            Dtype::U32 => copy!(u32),
            Dtype::I32 => copy!(i32),
            Dtype::F32 => copy!(f32),
            Dtype::U8 => copy!(u8),
            other => panic!("{name} is {other}"),
        }
    }
    // Settings of before there was a policy.
    let mut old = serde_json::to_value(&settings).unwrap();
    old.as_object_mut().unwrap().remove("policy").unwrap();
    let settings: ServingSettings = serde_json::from_value(old).unwrap();
    let container = Container::from_bytes("old", &writer.to_bytes().unwrap()).unwrap();
    let scorer = Scorer::in_memory(container, settings, shop.clock, Time(NOW.0 - 1)).unwrap();
    assert!(!scorer.model().offer_items().are_stored());
    let mut scratch = scorer.offers_scratch();
    let query =
        OffersQuery { basket: &[ItemId(0)], time: NOW, kinds: OfferKind::Upsell.into(), ..OffersQuery::default() };
    let offers = scorer.offers(&query, &mut scratch).unwrap().offers;
    assert_eq!(offers.len(), 1, "what the ladders know is enough to go up");
    assert_eq!(offers[0].delta_value, Some(Money((2_000 - 1_000) * 100)));
}
