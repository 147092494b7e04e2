use serde_json::json;
use sidecart_http::{App, Error, Retry};

use crate::support::{Fixture, Shop, TRAINED_THROUGH, settings};

#[tokio::test]
async fn models_are_listed_with_what_they_hold() {
    let shop = Fixture::with(Shop::default(), |settings| {
        Shop::scored(0.5).publish(&settings.models.join("garden"));
        settings.default_model = Some("shop".into());
    });
    let reply = shop.get("/v1/models").await;
    assert_eq!(reply.json["default"], "shop");
    let names: Vec<&str> =
        reply.json["models"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["garden", "shop"]);
    let model = &reply.json["models"][1];
    assert_eq!(model["version"], shop.version);
    assert_eq!(model["trained_through"], TRAINED_THROUGH);
    assert_eq!((&model["clock"], &model["counts"]), (&json!("calendar"), &json!({ "items": 40 })));
    assert!(model["parts"].as_array().unwrap().contains(&json!("neighbours")));
    assert_eq!(shop.post("/v1/recommend", &json!({})).await.json["model"], "shop");
    assert_eq!(shop.get("/v1/models?all=1").await.error(), (400, "invalid_query", None));
}

#[tokio::test]
async fn it_is_ready_once_a_model_is_warm() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::new(settings(folder.path())).unwrap();
    let shop = Fixture { app, folder, version: String::new() };
    assert_eq!(shop.get("/health/live").await.status, 200);
    let reply = shop.get("/health/ready").await;
    assert_eq!(reply.error(), (503, "not_ready", None));
    assert_eq!(reply.header("retry-after"), "1");
    assert_eq!(shop.post("/v1/recommend", &json!({})).await.error().1, "not_ready");
    assert_eq!(shop.app.load_models(Retry::WhenDue).unwrap(), 0);
    assert_eq!(shop.get("/health/ready").await.status, 503);
    Shop::default().publish(&shop.folder.path().join("shop"));
    assert_eq!(shop.app.load_models(Retry::WhenDue).unwrap(), 0);
    assert_eq!(shop.get("/health/ready").await.status, 200);
    assert_eq!(shop.post("/v1/recommend", &json!({})).await.status, 200);
}

#[tokio::test]
async fn only_model_folders_are_models() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    Shop::default().publish(&at.join("shop"));
    for other in ["empty", ".hidden", "with space"] {
        std::fs::create_dir(at.join(other)).unwrap();
    }
    for named in [".hidden", "with space"] {
        std::fs::copy(at.join("shop/CURRENT"), at.join(named).join("CURRENT")).unwrap();
    }
    std::fs::write(at.join("file"), "x").unwrap();
    let app = App::new(settings(at)).unwrap();
    assert_eq!(app.load_models(Retry::Now).unwrap(), 0);
    let shop = Fixture { app, folder, version: String::new() };
    assert_eq!(shop.get("/v1/models").await.json["models"].as_array().map(Vec::len), Some(1));
}

#[test]
fn mistaken_folders_and_settings_are_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("shop");
    Shop::default().publish(&model);
    let refused = |change: &dyn Fn(&mut sidecart_http::Settings)| {
        let mut settings = settings(folder.path());
        change(&mut settings);
        App::new(settings).err().unwrap()
    };
    assert!(matches!(refused(&|s| s.models = model.clone()), Error::OneModel { .. }));
    assert!(matches!(refused(&|s| s.models = folder.path().join("none")), Error::ModelsFolder { .. }));
    for change in [
        &(|s: &mut sidecart_http::Settings| s.hold_out = 0.1) as &dyn Fn(&mut sidecart_http::Settings),
        &|s| s.hold_out = 1.0,
        &|s| s.hold_out = f64::NAN,
        &|s| s.watch_interval = std::time::Duration::ZERO,
        &|s| s.limits.in_flight = 0,
        &|s| s.limits.connections = 0,
        &|s| s.limits.connections = usize::MAX,
        &|s| s.limits.event_lines = 10,
    ] {
        assert!(matches!(refused(change), Error::Setting { .. }));
    }
}
