//! A small shop made by hand, and ways to ask a server about it.

#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod browser;
pub(crate) mod open_loop;
pub(crate) mod process;
pub(crate) mod running;

use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sidecart_artifact::{ContainerWriter, CustomersSpec, Draft, MODEL_FILE, Staging, write_id_table, write_texts};
use sidecart_core::{Clock, Customer, ExternalId, ExternalIdRef, IdKind, IdTable, ItemId, Money, TextTable, Time};
use sidecart_http::{App, Retry, Settings, router};
use sidecart_serve::offers::{Attributes, CategoryTree, Host, HostTable, OfferItem, OfferItems};
use sidecart_serve::{ServingSettings, sections};
use tower::ServiceExt;

/// Items of the shop: `item-00` to `item-39`, or 1000 to 1039.
pub(crate) const N_ITEMS: u32 = 40;

/// The end of training.
pub(crate) const TRAINED_THROUGH: &str = "2025-06-30T12:00:00";

/// What a shop is made of.
#[derive(Clone, Copy)]
pub(crate) struct Shop {
    pub(crate) kind: IdKind,
    pub(crate) clock: Clock,
    /// The score of each item's nearest neighbour, so that a score tells the version.
    pub(crate) top_score: f32,
    /// Whether it knows facts: item n costs 10 and n halves, a quarter of it margin; item 8 belongs to
    /// item 3, and item 5 is a fifth off in 2025.
    pub(crate) facts: bool,
    /// Bytes that nothing reads, so that a version weighs something.
    pub(crate) ballast: usize,
}

impl Default for Shop {
    fn default() -> Self {
        Self { kind: IdKind::Text, clock: Clock::Calendar, top_score: 0.9, facts: false, ballast: 0 }
    }
}

impl Shop {
    pub(crate) fn scored(top_score: f32) -> Self {
        Self { top_score, ..Self::default() }
    }

    pub(crate) fn id(&self, item: u32) -> ExternalId {
        match self.kind {
            IdKind::Int => ExternalId::Int(1000 + i64::from(item)),
            IdKind::Text => ExternalId::Text(format!("item-{item:02}").into()),
        }
    }

    pub(crate) fn trained_through(&self) -> Time {
        match self.clock {
            Clock::Calendar => Time::parse(TRAINED_THROUGH).unwrap(),
            Clock::None => Time(0),
            _ => Time(100),
        }
    }

    /// Publishes a version; its name. Each item's neighbours are the next ten, round and round;
    /// customers `anna` (or 1) bought the items 0 to 4, `ben` (or 2) item 39.
    pub(crate) fn publish(&self, folder: &Path) -> String {
        let n = N_ITEMS as usize;
        let ids = match self.kind {
            IdKind::Int => IdTable::from_ints((0..N_ITEMS).map(|i| 1000 + i64::from(i)).collect()),
            IdKind::Text => IdTable::from_texts((0..N_ITEMS).map(|i| format!("item-{i:02}"))),
        };
        let names: TextTable = (0..N_ITEMS).map(|i| format!("Thing \"{i}\" <b>ü</b>")).collect();
        let counts: Vec<u32> = (0..N_ITEMS).map(|i| 200 - i).collect();
        let neighbours: Vec<u32> = (0..N_ITEMS).flat_map(|i| (1..=10).map(move |step| (i + step) % N_ITEMS)).collect();
        let scores: Vec<f32> =
            (0..n).flat_map(|_| (0..10).map(|rank| self.top_score * (1.0 - rank as f32 * 0.05))).collect();
        let mut writer = ContainerWriter::new();
        write_id_table(&mut writer, sections::ITEM_IDS, &ids).unwrap();
        write_texts(&mut writer, sections::ITEM_NAMES, &names).unwrap();
        writer.add(sections::ITEM_BASKETS, &counts, &[n]).unwrap();
        writer.add(sections::ITEM_CUSTOMERS, &counts, &[n]).unwrap();
        writer.add_owned(sections::POPULAR_ITEMS, (0..N_ITEMS).collect::<Vec<u32>>(), &[n]).unwrap();
        writer
            .add_owned(sections::NEIGHBOUR_OFFSETS, (0..=N_ITEMS).map(|i| i * 10).collect::<Vec<u32>>(), &[n + 1])
            .unwrap();
        writer.add_owned(sections::NEIGHBOUR_ITEMS, neighbours, &[n * 10]).unwrap();
        writer.add_owned(sections::NEIGHBOUR_SCORES, scores, &[n * 10]).unwrap();
        // Each item with its next neighbour, beyond chance.
        writer.add_owned(sections::ASSOCIATION_OFFSETS, (0..=N_ITEMS).collect::<Vec<u32>>(), &[n + 1]).unwrap();
        writer
            .add_owned(sections::ASSOCIATION_ITEMS, (0..N_ITEMS).map(|i| (i + 1) % N_ITEMS).collect::<Vec<u32>>(), &[n])
            .unwrap();
        writer.add_owned(sections::ASSOCIATION_CUSTOMERS, vec![7u32; n], &[n]).unwrap();
        writer.add_owned(sections::ASSOCIATION_BASKETS, vec![9u32; n], &[n]).unwrap();
        writer.add_owned(sections::ASSOCIATION_LIFTS, vec![3.5f32; n], &[n]).unwrap();
        if self.facts {
            facts().write(&mut writer).unwrap();
        }

        if self.ballast > 0 {
            let words: Vec<u32> = (0..self.ballast as u32 / 4).collect();
            let n = words.len();
            writer.add_owned("test.ballast", words, &[n]).unwrap();
        }

        let mut staging = Staging::begin(folder).unwrap();
        staging.write_container(MODEL_FILE, &writer).unwrap();
        let spec = CustomersSpec { n_customers: 2, kind: self.kind, n_items: u64::from(N_ITEMS) };
        let mut customers = staging.customers(spec).unwrap();
        let bought: [(&str, i64, Vec<ItemId>); 2] =
            [("anna", 1, (0..5).map(ItemId).collect()), ("ben", 2, vec![ItemId(39)])];
        for (text, number, items) in &bought {
            let mut customer = Customer::default();
            customer.history.push(Time(self.trained_through().0 - 10), items);
            let id = if self.kind == IdKind::Int { ExternalIdRef::Int(*number) } else { ExternalIdRef::Text(text) };
            customers.push(id, &customer).unwrap();
        }
        staging.add_customers(customers).unwrap();
        let promotion = json!({ "item": self.id(5).to_string(), "discount": 0.2, "starts_at": "2025-01-01", "ends_at": "2026-01-01" });
        let promotions = if self.facts { vec![promotion] } else { Vec::new() };
        let policy = serde_json::from_value(json!({ "promotions": promotions })).unwrap();
        let serving = ServingSettings { n_baskets: 1_000, policy, ..ServingSettings::default() };
        let draft = Draft {
            settings: json!({ "serving": serving }),
            fingerprint: "00ff".into(),
            trained_through: self.trained_through(),
            clock: self.clock,
            counts: [("items".to_owned(), u64::from(N_ITEMS))].into(),
            ..Draft::default()
        };
        staging.publish(draft).unwrap().to_string()
    }
}

fn facts() -> OfferItems {
    let items = (0..i64::from(N_ITEMS)).map(|item| {
        let price = Money(Money::SCALE * 10 + Money::SCALE / 2 * item);
        OfferItem { price: Some(price), margin: Some(Money(price.0 / 4)), ..OfferItem::default() }
    });
    let hosts = HostTable::new(vec![(ItemId(8), Host::Item(ItemId(3)))]);
    OfferItems::new(items.collect(), CategoryTree::default(), TextTable::default(), hosts, Attributes::default())
        .unwrap()
}

/// Noon of the day after the end of training.
pub(crate) fn now() -> Time {
    Time(Time::parse(TRAINED_THROUGH).unwrap().0 + 86_400_000_000)
}

/// An app over a folder with one model named `shop`.
pub(crate) struct Fixture {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) app: Arc<App>,
    pub(crate) version: String,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(Shop::default(), |_| {})
    }

    pub(crate) fn with(shop: Shop, change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let version = shop.publish(&folder.path().join("shop"));
        let mut settings = settings(folder.path());
        change(&mut settings);
        let app = App::new(settings).unwrap();
        assert_eq!(app.load_models(Retry::Now).unwrap(), 0);
        Self { folder, app, version }
    }

    /// An app over a folder of models that were trained; `version` is not said.
    pub(crate) fn over(models: &Path) -> Self {
        let app = App::new(settings(models)).unwrap();
        assert_eq!(app.load_models(Retry::Now).unwrap(), 0);
        Self { folder: tempfile::tempdir().unwrap(), app, version: String::new() }
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_text(path, body.to_string()).await
    }

    pub(crate) async fn post_text(&self, path: &str, body: impl Into<Body>) -> Reply {
        let request = Request::post(path).header("content-type", "application/json").body(body.into()).unwrap();
        self.send(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        Reply::read(router(&self.app).oneshot(request).await.unwrap()).await
    }
}

/// Settings for a test: any free port, a fixed present.
pub(crate) fn settings(models: &Path) -> Settings {
    let mut settings = Settings::new(models);
    settings.listen.set_port(0);
    settings.admin_listen = None;
    settings.now = now;
    settings
}

/// An answer as a test sees it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) text: String,
    /// Null where the body is no JSON.
    pub(crate) json: Value,
}

impl Reply {
    pub(crate) async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status: parts.status, headers: parts.headers, text, json }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status, code and field of an error.
    pub(crate) fn error(&self) -> (u16, &str, Option<&str>) {
        let error = &self.json["error"];
        assert!(error["message"].is_string(), "{self:?}");
        (self.status.as_u16(), error["code"].as_str().unwrap(), error["field"].as_str())
    }

    /// The items offered, as text.
    pub(crate) fn items(&self) -> Vec<String> {
        assert_eq!(self.status, 200, "{self:?}");
        self.json["items"].as_array().unwrap().iter().map(|offer| offer["item"].as_str().unwrap().to_owned()).collect()
    }
}
