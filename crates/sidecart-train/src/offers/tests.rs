use std::path::Path;

use sidecart_artifact::{Container, ContainerWriter};
use sidecart_core::{ExternalId, IdTable, ItemId, Money, NoProgress, Quantity, Time};
use sidecart_data::demo::DemoParams;
use sidecart_data::{ItemTable, Labels};
use sidecart_serve::offers::{AttributeValue, Host, NO_GROUP, OfferItems};

use super::items;
use crate::catalogue::Catalogue;
use crate::demo_shop::demo_shop;

fn labels(name: &str, texts: &[&str]) -> Labels {
    Labels::from_texts(name, &texts.iter().map(|t| (!t.is_empty()).then(|| (*t).to_owned())).collect::<Vec<_>>())
}

/// Four items, none of which was ever sold.
fn table() -> ItemTable {
    let ids = IdTable::from_texts(["0 car", "1 case", "2 paint", "3 warranty"]);
    let text = |id: &str| Some(ExternalId::Text(id.into()));
    ItemTable {
        ids,
        categories: vec![
            labels("department", &["Vehicles", "Home", "Home", ""]),
            labels("category", &["Cars", "", "Paint", ""]),
        ],
        brand: Some(labels("brand", &["Velo", "", "Acme", "Velo"])),
        price: Some(vec![Some(Money(900)), None, Some(Money(50)), Some(Money(70))]),
        cost: Some(vec![Some(Money(600)), Some(Money(5)), None, None]),
        margin: Some(vec![None, None, None, Some(Money(20))]),
        stock: Some(vec![Some(2.0), None, Some(0.0), None]),
        first_sold: Some(vec![Some(Time(7)), None, None, None]),
        add_on_for: Some(vec![None, text("0 car"), text("nothing"), text("Vehicles")]),
        attributes: vec![labels("doors", &["4", "", "", ""]), labels("colour", &["red", "", "blue", ""])],
        ..ItemTable::default()
    }
}

#[test]
fn facts_are_those_of_the_table() {
    let (_, ledger, _) = demo_shop(&DemoParams { n_customers: 20, n_weeks: 2, ..DemoParams::default() });
    let catalogue = Catalogue::new(&ledger, table(), (Path::new("p"), Path::new("i"))).unwrap();
    let ledger = ledger.over_catalogue(catalogue.ids.clone()).unwrap();
    let found = items(&ledger, &catalogue, &NoProgress).unwrap();
    let get = |n: u32| found.get(ItemId(n));
    assert_eq!((get(0).price, get(0).margin), (Some(Money(900)), Some(Money(300))), "price less cost");
    assert_eq!((get(1).price, get(1).margin), (None, None), "a cost alone says no margin");
    assert_eq!((get(2).margin, get(3).margin), (None, Some(Money(20))), "missing stays missing; given");
    assert_eq!((get(0).stock, get(2).stock, get(3).stock), (Some(Quantity(2_000)), Some(Quantity(0)), None));
    assert_eq!((get(0).first_sold, get(1).first_sold), (Some(Time(7)), None));
    let path = |n: u32| found.categories().path(get(n).category);
    assert_eq!([path(0), path(1), path(2)], ["Vehicles > Cars", "Home", "Home > Paint"]);
    assert_eq!((get(3).category, get(4).category, get(4).brand), (NO_GROUP, NO_GROUP, NO_GROUP));
    let sold = ledger.baskets().items()[0].0;
    assert!(get(sold).price.is_some() && get(sold).first_sold.is_some(), "what the ledger alone knows");
    assert_eq!(found.brands().get(get(0).brand as usize), "Velo");
    assert_eq!(found.hosts().hosts(ItemId(1)).collect::<Vec<_>>(), [Host::Item(ItemId(0))]);
    let vehicles = found.categories().find("Vehicles")[0];
    assert_eq!(found.hosts().hosts(ItemId(3)).collect::<Vec<_>>(), [Host::Category(vehicles)]);
    assert!(!found.hosts().is_add_on(ItemId(2)), "it belongs to nothing that is known");
    assert_eq!(found.attributes().get(0, ItemId(0)), Some(AttributeValue::Number(4.0)));
    assert_eq!(found.attributes().get(1, ItemId(2)), Some(AttributeValue::Text("blue")));
    assert_eq!(found.attributes().get(1, ItemId(4)), None);
}

#[test]
fn facts_are_read_as_they_were_written() {
    let (_, ledger, catalogue) = demo_shop(&DemoParams { n_customers: 300, n_weeks: 10, ..DemoParams::default() });
    let found = items(&ledger, &catalogue, &NoProgress).unwrap();
    assert!(found.all().iter().filter(|item| item.price.is_some()).count() > 100);
    assert!(found.all().iter().any(|item| item.sold_per_day.is_some_and(|sold| sold > 0.0)));
    assert!(found.hosts().len() >= 10);
    let mut writer = ContainerWriter::new();
    found.write(&mut writer).unwrap();
    let container = Container::from_bytes("offers", &writer.to_bytes().unwrap()).unwrap();
    assert_eq!(OfferItems::read(&container, None, catalogue.len()).unwrap(), found);
    assert!(OfferItems::read(&container, None, catalogue.len() + 1).is_err(), "facts of another catalogue");
}
