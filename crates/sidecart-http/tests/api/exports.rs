//! A file of answers, a call of the library and an address of the server say the same.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use sidecart::core::NoProgress;
use sidecart::data::config::TimeUnit;
use sidecart::data::demo::{DemoParams, DemoShop};
use sidecart::serve::upsell::PropensityModel;
use sidecart::{BatchOptions, Config, Dataset, UpsellContext, any_batch, default_time};
use sidecart_core::{Customer, ExternalIdRef, ItemId};
use sidecart_serve::offers::{OfferKind, OffersQuery, Touchpoint};
use sidecart_serve::{CustomerReader, Mode, Scorer, Source};

use crate::support::Fixture;

const K: usize = 4;

/// A demo shop, trained and published.
fn train(folder: &Path) {
    let params = DemoParams { n_customers: 300, n_weeks: 30, ..DemoParams::default() };
    DemoShop::generate(&params).write_to(folder).unwrap();
    let mut config = Config::read(&folder.join("sidecart.toml")).unwrap();
    config.models.embeddings.enabled = false;
    config.models.mixture.tune = false;
    let dataset = Dataset::read(&config, &[], Default::default(), &NoProgress).unwrap();
    let trained = sidecart::train(&dataset, &config, &NoProgress).unwrap();
    sidecart::publish(&folder.join("served/shop"), &trained, &dataset, &config).unwrap();
}

/// Basket, customer, touchpoint.
type Question = (Vec<String>, Option<String>, Touchpoint);

/// Some of everything: each of the first baskets at each touchpoint, by whom it was bought and by nobody.
fn questions(scorer: &Scorer) -> Vec<Question> {
    let items = scorer.model().items();
    let label = |item: u32| items.get(item).to_string();
    let named = ["phone-s22", "car-suv"].map(|id| items.find_text(id).unwrap());
    (0..40u32)
        .map(|at| {
            let mut basket = vec![label((at * 17) % scorer.model().n_items() as u32)];
            if at % 2 == 0 {
                basket.push(label(named[at as usize / 2 % 2]));
            }
            let customer = (at % 3 > 0).then(|| format!("c{at:06}"));
            (basket, customer, Touchpoint::ALL[at as usize % Touchpoint::ALL.len()])
        })
        .collect()
}

fn write(path: &Path, questions: &[Question]) {
    let mut items = ListBuilder::new(StringBuilder::new());
    for (basket, ..) in questions {
        basket.iter().for_each(|item| items.values().append_value(item));
        items.append(true);
    }
    let columns: [(&str, ArrayRef); 4] = [
        ("query_id", Arc::new(Int64Array::from_iter_values(1..=questions.len() as i64))),
        ("items", Arc::new(items.finish())),
        ("customer_id", Arc::new(questions.iter().map(|question| question.1.as_deref()).collect::<StringArray>())),
        ("touchpoint", Arc::new(questions.iter().map(|question| Some(question.2.name())).collect::<StringArray>())),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// One offer as every way of asking says it.
#[derive(Clone, PartialEq, Debug)]
struct Said {
    kind: String,
    item: String,
    anchor: Option<String>,
    value: f64,
    reason: String,
}

/// The offers of every query of an answer file.
fn exported(path: &Path, n_queries: usize) -> Vec<Vec<Said>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
    let mut said = vec![Vec::new(); n_queries];
    for batch in reader {
        let batch = batch.unwrap();
        let column = |name: &str| batch.column_by_name(name).unwrap();
        let text = |name: &str, row: usize| {
            let column = column(name).as_string::<i32>();
            column.is_valid(row).then(|| column.value(row).to_owned())
        };
        for row in 0..batch.num_rows() {
            if column("rank").as_primitive::<Int32Type>().value(row) == 0 {
                continue;
            }
            let query = column("query_id").as_primitive::<Int64Type>().value(row);
            said[query as usize - 1].push(Said {
                kind: text("kind", row).unwrap(),
                item: text("item_id", row).unwrap(),
                anchor: text("anchor_id", row),
                value: column("score").as_primitive::<Float64Type>().value(row),
                reason: text("reason", row).unwrap(),
            });
        }
    }
    said
}

/// A slate in the order of a file: by kind, then as it is.
fn by_kind(mut said: Vec<Said>) -> Vec<Said> {
    said.sort_by_key(|said| OfferKind::ALL.iter().position(|kind| kind.name() == said.kind));
    said
}

fn of_library(scorer: &Scorer, (basket, customer, touchpoint): &Question) -> Vec<Said> {
    let items = scorer.model().items();
    let basket: Vec<ItemId> = basket.iter().map(|id| ItemId(items.find_text(id).unwrap())).collect();
    let (mut reader, mut known) = (CustomerReader::default(), Customer::default());
    let is_known = customer
        .as_ref()
        .is_some_and(|id| scorer.load_customer(ExternalIdRef::Text(id), None, &mut reader, &mut known).unwrap());
    let query = OffersQuery {
        basket: &basket,
        customer: is_known.then_some(&known),
        touchpoint: Some(*touchpoint),
        time: default_time(scorer),
        k: Some(K),
        ..OffersQuery::default()
    };
    let mut scratch = scorer.offers_scratch();
    let slate = scorer.offers(&query, &mut scratch).unwrap();
    let label = |item: ItemId| items.get(item.0).to_string();
    let said = |offer: &sidecart_serve::offers::Offer| Said {
        kind: offer.kind.name().into(),
        item: label(offer.item),
        anchor: offer.anchor.map(label),
        value: offer.value,
        reason: offer.reason.text(scorer),
    };
    slate.offers.iter().map(said).collect()
}

async fn of_server(shop: &Fixture, (basket, customer, touchpoint): &Question) -> Vec<Said> {
    let mut body = json!({ "items": basket, "touchpoint": touchpoint.name(), "k": K, "explain": true });
    if let Some(customer) = customer {
        body["customer_id"] = json!(customer);
    }
    let reply = shop.post("/v1/offers", &body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let said = |offer: &Value| Said {
        kind: text(&offer["kind"]).unwrap(),
        item: text(&offer["item"]).unwrap(),
        anchor: text(&offer["anchor"]),
        value: offer["value"].as_f64().unwrap(),
        reason: text(&offer["reason"]).unwrap(),
    };
    reply.json["offers"].as_array().unwrap().iter().map(said).collect()
}

/// Whether two answers are one, values up to the digits that are printed.
fn agree(a: &[Said], b: &[Said]) -> bool {
    let is_one = |(a, b): (&Said, &Said)| {
        (a.value - b.value).abs() <= 1e-6 * a.value.abs() && Said { value: b.value, ..a.clone() } == *b
    };
    a.len() == b.len() && a.iter().zip(b).all(is_one)
}

#[tokio::test]
async fn concept_32_exported_answers_are_the_live_ones() {
    let folder = tempfile::tempdir().unwrap();
    train(folder.path());
    let scorer = Scorer::open(folder.path().join("served/shop")).unwrap();
    let questions = questions(&scorer);
    let [asked, answers] = ["asked.parquet", "answers.parquet"].map(|name| folder.path().join(name));
    write(&asked, &questions);
    let options = BatchOptions {
        k: K,
        mode: Mode::Completion,
        using: Source::Default,
        exclude: Vec::new(),
        time_unit: TimeUnit::Order,
        touchpoint: None,
    };
    let context = UpsellContext::new(&scorer, None, None, &NoProgress).unwrap();
    any_batch(&scorer, &asked, &context, &answers, &options, PropensityModel::Default, &NoProgress).unwrap();
    let exported = exported(&answers, questions.len());
    let shop = Fixture::over(&folder.path().join("served"));

    let (mut n_offers, mut n_personal) = (0, 0);
    for (question, exported) in questions.iter().zip(&exported) {
        let library = of_library(&scorer, question);
        let server = of_server(&shop, question).await;
        assert!(agree(&library, &server), "{question:?}\n{library:?}\n{server:?}");
        assert!(agree(&by_kind(library.clone()), exported), "{question:?}\n{library:?}\n{exported:?}");
        n_offers += exported.len();
        let anonymous = (question.0.clone(), None, question.2);
        n_personal += usize::from(question.1.is_some() && !agree(&of_library(&scorer, &anonymous), &library));
    }
    assert!(n_offers > 60 && n_personal > 5, "{n_offers} offers, {n_personal} by customer");
}
