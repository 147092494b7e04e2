use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::running::{Client, Running, get, post};
use crate::support::{Shop, now, settings};

static PANICS: AtomicBool = AtomicBool::new(false);

/// A clock that panics where it is read: in the middle of an answer, with the scorer's memory on loan.
fn broken_clock() -> sidecart_core::Time {
    assert!(!PANICS.load(Ordering::Relaxed), "an injected defect");
    now()
}

#[test]
fn a_hundred_panics_are_a_hundred_errors_and_nothing_more() {
    let show = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // These are meant; any other is shown.
        if !panic.to_string().contains("an injected defect") {
            show(panic);
        }
    }));
    let folder = tempfile::tempdir().unwrap();
    Shop::default().publish(&folder.path().join("shop"));
    let mut settings = settings(folder.path());
    settings.now = broken_clock;
    settings.exposures = Some(folder.path().join(".exposures"));
    settings.admin_listen = Some(([127, 0, 0, 1], 0).into());
    let server = Running::start(settings);
    let mut client = Client::connect(server.address);
    let requests = [
        post("/v1/recommend", r#"{"items": ["item-03"], "k": 5}"#),
        post("/v1/offers", r#"{"items": ["item-03"], "k": 3, "kinds": ["cross-sell"]}"#),
    ];
    let mut ask = |request: &[u8]| {
        client.send(request);
        client.answer().expect("the connection lives")
    };
    let good = requests.each_ref().map(|request| ask(request));
    assert!(good.iter().all(|answer| answer.status == 200 && answer.body.contains("item-04")), "{good:?}");
    PANICS.store(true, Ordering::Relaxed);
    for round in 0..50 {
        for request in &requests {
            let answer = ask(request);
            assert_eq!(answer.status, 500, "round {round}: {answer:?}");
            assert!(answer.body.contains("\"internal\"") && !answer.body.contains("injected"), "{answer:?}");
        }
    }
    let batch = ask(&post("/v1/batch", r#"{"queries": [{"items": ["item-03"]}, {"k": 0}, {"items": ["item-04"]}]}"#));
    assert_eq!((batch.status, batch.body.matches("\"internal\"").count()), (200, 2), "{batch:?}");
    PANICS.store(false, Ordering::Relaxed);
    let offers = |body: &str| serde_json::from_str::<serde_json::Value>(body).unwrap();
    for (request, before) in requests.iter().zip(&good) {
        let (after, before) = (offers(&ask(request).body), offers(&before.body));
        assert_eq!((&after["items"], &after["offers"]), (&before["items"], &before["offers"]));
    }
    let text = get(server.admin.unwrap(), "/metrics").1;
    assert!(text.contains("sidecart_panics_total 102\n") && text.contains("sidecart_in_flight 0\n"), "{text}");
    drop(client);
    assert_eq!(server.stop().cut_off, 0);
}
