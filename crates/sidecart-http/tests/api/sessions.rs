use serde_json::{Value, json};
use sidecart_core::{Clock, Time};
use sidecart_http::{SessionKeys, Settings};

use crate::support::{Fixture, Reply, Shop, now};

const OFFERS: &str = "/v1/offers";
const DAY_US: i64 = 86_400_000_000;

/// Keys as a file holds them, one of each byte.
fn keys(bytes: &[u8]) -> SessionKeys {
    let lines: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}").repeat(32)).collect();
    SessionKeys::parse(&lines.join("\n")).unwrap()
}

fn server(change: impl FnOnce(&mut Settings)) -> Fixture {
    Fixture::with(Shop::default(), |settings| {
        settings.session_keys = Some(keys(&[1]));
        change(settings);
    })
}

fn items(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{reply:?}");
    let offers = reply.json["offers"].as_array().unwrap();
    offers.iter().map(|offer| offer["item"].as_str().unwrap().to_owned()).collect()
}

fn token(reply: &Reply) -> String {
    reply.json["session"].as_str().unwrap_or_else(|| panic!("{}", reply.text)).to_owned()
}

fn rule(reply: &Reply, item: &str) -> Option<String> {
    let mut removed = reply.json["removed"].as_array().unwrap().iter();
    removed.find(|removed| removed["item"] == item).map(|removed| removed["rule"].as_str().unwrap().to_owned())
}

/// Days after the end of training, as a question says them.
fn day(days: f64) -> String {
    let start = Time::parse("2025-07-01T00:00:00").unwrap();
    Clock::Calendar.show(Time(start.0 + (days * DAY_US as f64) as i64))
}

fn with(question: &Value, more: &Value) -> Value {
    let mut question = question.clone();
    for (key, value) in more.as_object().unwrap() {
        question[key] = value.clone();
    }
    question
}

#[tokio::test]
async fn concept_08_a_session_sees_so_many_offers_and_no_more() {
    let shop = server(|_| {});
    let ask = json!({ "items": ["item-03"], "policy": { "offers_per_session": 7 }, "timestamp": day(0.0) });
    let mut seen = Vec::new();
    let mut session = Value::Null;
    for _ in 0..6 {
        // Nothing but the token goes from one question to the next.
        let reply = shop.post(OFFERS, &with(&ask, &json!({ "session": session }))).await;
        seen.push(items(&reply).len());
        if seen.len() > 3 {
            assert_eq!(reply.json["reason"], "session_limit");
        }
        session = token(&reply).into();
    }
    assert_eq!(seen, [3, 3, 1, 0, 0, 0]);
    let last = shop.post(OFFERS, &with(&ask, &json!({ "session": session, "timestamp": day(0.999) }))).await;
    assert_eq!((items(&last).len(), last.json.get("notes")), (0, None));
    let next = shop.post(OFFERS, &with(&ask, &json!({ "session": session, "timestamp": day(1.0) }))).await;
    assert_eq!(items(&next).len(), 3);
    assert!(next.json["notes"][0].as_str().unwrap().contains("the session was over"), "{}", next.text);
    let again = shop.post(OFFERS, &with(&ask, &json!({ "session": token(&next), "timestamp": day(1.5) }))).await;
    assert_eq!((items(&again).len(), again.json.get("notes")), (3, None));
    let other = shop.post(OFFERS, &ask).await;
    assert_eq!(items(&other).len(), 3, "another visitor's session is another");
}

#[tokio::test]
async fn concept_08_what_was_declined_stays_away_for_the_window_and_comes_back() {
    let shop = server(|_| {});
    let ask = json!({ "items": ["item-03"], "policy": { "declines_before_cool_down": 2 } });
    let at = |time: f64, session: &str, more: &Value| {
        with(&with(&ask, &json!({ "timestamp": day(time), "session": session })), more)
    };
    let first = shop.post(OFFERS, &with(&ask, &json!({ "timestamp": day(0.0) }))).await;
    let (item, session) = (items(&first)[0].clone(), token(&first));
    let once = json!({ "declined": [{ "item": item, "kind": "cross-sell" }] });
    let reply = shop.post(OFFERS, &at(0.1, &session, &once)).await;
    assert!(items(&reply).contains(&item), "one decline is none: {}", reply.text);
    // The second decline is three days later, in the session after the first.
    let mut session = token(&shop.post(OFFERS, &at(3.0, &token(&reply), &once)).await);
    for time in [3.0, 3.5, 5.0, 7.09] {
        let reply = shop.post(OFFERS, &at(time, &session, &json!({}))).await;
        assert_eq!(rule(&reply, &item).as_deref(), Some("cool_down"), "day {time}: {}", reply.text);
        session = token(&reply);
    }
    let reply = shop.post(OFFERS, &at(7.1, &session, &json!({}))).await;
    assert_eq!(items(&reply)[0], item, "the first decline is a week old: {}", reply.text);
    // The policy of the question decides, not that of the answer which made the token.
    let once = with(&at(7.1, &session, &json!({})), &json!({ "policy": { "declines_before_cool_down": 1 } }));
    assert_eq!(rule(&shop.post(OFFERS, &once).await, &item).as_deref(), Some("cool_down"));
}

#[tokio::test]
async fn concept_08_a_kind_that_is_declined_falls_silent_for_the_session() {
    let shop = server(|_| {});
    let ask = json!({ "items": ["item-03"], "policy": { "declines_before_silence": 2, "cool_down_days": 0 } });
    let declined = |kind: &str| json!([{ "item": "item-20", "kind": kind }, { "item": "item-21", "kind": kind }]);
    let upsells = shop.post(OFFERS, &with(&ask, &json!({ "declined": declined("upsell") }))).await;
    assert_eq!(items(&upsells).len(), 3);
    let silent = with(&ask, &json!({ "declined": declined("cross-sell"), "session": token(&upsells) }));
    let silent = shop.post(OFFERS, &silent).await;
    assert_eq!((items(&silent).len(), &silent.json["reason"]), (0, &json!("silence")), "{}", silent.text);
    let seen_often = json!({ "items": ["item-03"], "policy": { "shows_per_item": 1 }, "session": token(&upsells) });
    let reply = shop.post(OFFERS, &seen_often).await;
    assert_eq!(rule(&reply, &items(&upsells)[0]).as_deref(), Some("shows_per_item"), "{}", reply.text);
}

#[tokio::test]
async fn a_changed_token_is_refused_whatever_was_changed() {
    let shop = server(|_| {});
    let declined = json!({ "items": ["item-03"], "declined": [{ "item": "item-04" }] });
    let good = token(&shop.post(OFFERS, &declined).await);
    let mut wrong: Vec<String> = (0..good.len())
        .map(|at| {
            let mut bytes = good.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            String::from_utf8(bytes).unwrap()
        })
        .collect();
    wrong.extend((0..good.len()).map(|n| good[..n].to_owned()));
    wrong.extend([format!("{good}A"), format!(" {good}"), "nonsense".into(), "é".repeat(40)]);
    for session in wrong {
        let reply = shop.post(OFFERS, &json!({ "items": ["item-03"], "session": session })).await;
        assert_eq!(reply.error(), (422, "invalid_session", Some("session")), "{session}");
        assert!(reply.text.contains("begin a new session"), "{}", reply.text);
    }
    let long = shop.post(OFFERS, &json!({ "items": [], "session": "A".repeat(2_000) })).await;
    assert_eq!(long.error(), (422, "too_long", Some("session")));
    let number = shop.post(OFFERS, &json!({ "items": [], "session": 7 })).await;
    assert_eq!(number.error(), (422, "wrong_type", Some("session")));
    assert_eq!(shop.post(OFFERS, &json!({ "items": ["item-03"], "session": good })).await.status, 200);
}

#[tokio::test]
async fn servers_with_one_key_share_their_visitors() {
    let (here, there) = (server(|_| {}), server(|_| {}));
    let rotated = server(|settings| settings.session_keys = Some(keys(&[2, 1])));
    let foreign = server(|settings| settings.session_keys = Some(keys(&[2])));
    let none = server(|settings| settings.session_keys = None);
    let ask = |session: &str| json!({ "items": ["item-03"], "session": session });
    let first = token(&here.post(OFFERS, &json!({ "items": ["item-03"], "declined": [{ "item": "item-04" }] })).await);
    let second = there.post(OFFERS, &ask(&first)).await;
    assert_eq!(rule(&second, "item-04").as_deref(), Some("cool_down"), "{}", second.text);
    let third = rotated.post(OFFERS, &ask(&token(&second))).await;
    assert_eq!(rule(&third, "item-04").as_deref(), Some("cool_down"), "{}", third.text);
    assert_eq!(foreign.post(OFFERS, &ask(&first)).await.error(), (422, "invalid_session", Some("session")));
    // What is signed with the new key is believed where the old one is gone, and not where it never was.
    assert_eq!(foreign.post(OFFERS, &ask(&token(&third))).await.status, 200);
    assert_eq!(here.post(OFFERS, &ask(&token(&third))).await.error(), (422, "invalid_session", Some("session")));
    let refused = none.post(OFFERS, &ask(&first)).await;
    assert_eq!(refused.error(), (422, "no_sessions", Some("session")));
    assert!(refused.text.contains("--session-key-file"), "{}", refused.text);
    let plain = none.post(OFFERS, &json!({ "items": ["item-03"] })).await;
    assert_eq!((plain.status.as_u16(), plain.json.get("session")), (200, None));
}

#[tokio::test]
async fn the_clock_of_the_server_counts_where_a_question_brings_no_time() {
    let later = || Time(now().0 + 7 * DAY_US);
    let just_before = || Time(now().0 + 7 * DAY_US - 1_000_000);
    let ask = |session: &str| json!({ "items": ["item-03"], "session": session });
    let shop = server(|_| {});
    let declined = json!({ "items": ["item-03"], "declined": [{ "item": "item-04" }] });
    let session = token(&shop.post(OFFERS, &declined).await);
    let before = server(|settings| settings.now = just_before).post(OFFERS, &ask(&session)).await;
    assert_eq!(rule(&before, "item-04").as_deref(), Some("cool_down"), "{}", before.text);
    let after = server(|settings| settings.now = later).post(OFFERS, &ask(&session)).await;
    assert_eq!(rule(&after, "item-04"), None, "{}", after.text);
    assert!(items(&after).contains(&"item-04".to_owned()));
}

#[tokio::test]
async fn lists_speak_with_and_without_a_token() {
    let shop = server(|_| {});
    let ask = json!({ "items": ["item-03"], "policy": { "offers_per_session": 8 } });
    let seen: Vec<Value> = (20..23).map(|n| json!({ "item": format!("item-{n}") })).collect();
    let first = shop.post(OFFERS, &with(&ask, &json!({ "shown": seen }))).await;
    let second = with(&ask, &json!({ "session": token(&first), "shown": [{ "item": "another model's" }] }));
    let second = shop.post(OFFERS, &second).await;
    // 3 of the list, 3 of the first answer, 1 of the second list: one is left.
    assert_eq!((items(&first).len(), items(&second).len()), (3, 1));
    let keyless = server(|settings| settings.session_keys = None);
    let week_ago = |seconds: i64| Clock::Calendar.show(Time(now().0 - 7 * DAY_US + seconds * 1_000_000));
    for (ago, expected) in [(week_ago(1), Some("cool_down")), (week_ago(0), None)] {
        let body = json!({ "items": ["item-03"], "declined": [{ "item": "item-04", "timestamp": ago }] });
        assert_eq!(rule(&keyless.post(OFFERS, &body).await, "item-04").as_deref(), expected, "{ago}");
    }
    // More than a token remembers one by one: a list is exact, and nothing else rests.
    let many: Vec<Value> = (5..39).map(|n| json!({ "item": format!("item-{n:02}") })).collect();
    let body = json!({ "items": ["item-03"], "declined": many });
    assert_eq!(items(&keyless.post(OFFERS, &body).await), ["item-04", "item-00", "item-01"]);
    let session = token(&shop.post(OFFERS, &body).await);
    let travelled = shop.post(OFFERS, &json!({ "items": ["item-03"], "session": session })).await;
    assert_eq!(travelled.json["reason"], "cool_down", "what a token forgets makes it more cautious");
}

#[tokio::test]
async fn other_clocks_count_from_the_question() {
    for clock in [Clock::Days, Clock::Order, Clock::None] {
        let shop = Fixture::with(Shop { clock, ..Shop::default() }, |settings| {
            settings.session_keys = Some(keys(&[1]));
        });
        let reply = shop.post(OFFERS, &json!({ "items": ["item-03"], "declined": [{ "item": "item-04" }] })).await;
        assert_eq!(rule(&reply, "item-04").as_deref(), Some("cool_down"), "{clock:?}");
        let next = shop.post(OFFERS, &json!({ "items": ["item-03"], "session": token(&reply) })).await;
        assert_eq!(rule(&next, "item-04").as_deref(), Some("cool_down"), "{clock:?}");
    }
    let shop = Fixture::with(Shop { clock: Clock::Days, ..Shop::default() }, |_| {});
    for (declined_at, expected) in [(94, Some("cool_down")), (93, None)] {
        let declined = json!([{ "item": "item-04", "timestamp": declined_at }]);
        let reply = shop.post(OFFERS, &json!({ "items": ["item-03"], "timestamp": 100, "declined": declined })).await;
        assert_eq!(rule(&reply, "item-04").as_deref(), expected, "day {declined_at}: {}", reply.text);
    }
}

#[tokio::test]
async fn who_is_held_out_has_seen_nothing() {
    let log = tempfile::tempdir().unwrap();
    let shop = server(|settings| {
        settings.exposures = Some(log.path().to_owned());
        settings.hold_out = 0.5;
    });
    let ask = |customer: usize| json!({ "items": ["item-03"], "customer_id": format!("c{customer}"), "policy": { "offers_per_session": 3 } });
    let mut held_out = None;
    for customer in 0..50 {
        let reply = shop.post(OFFERS, &ask(customer)).await;
        if reply.json["held_out"] == true {
            held_out = Some((customer, token(&reply)));
            break;
        }
    }
    let (customer, mut session) = held_out.unwrap();
    for _ in 0..3 {
        let reply = shop.post(OFFERS, &with(&ask(customer), &json!({ "session": session }))).await;
        assert_eq!((items(&reply).len(), &reply.json["reason"]), (0, &Value::Null), "{}", reply.text);
        session = token(&reply);
    }
}

#[tokio::test]
async fn a_token_holds_no_id() {
    let shop = server(|_| {});
    let body = json!({ "items": ["item-03"], "customer_id": "anna", "declined": [{ "item": "item-20" }] });
    let token = token(&shop.post(OFFERS, &body).await);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: String = token.chars().map(|c| format!("{:06b}", alphabet.find(c).unwrap())).collect();
    let bytes: Vec<u8> = bits
        .as_bytes()
        .chunks_exact(8)
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect();
    assert!(bytes.len() > 50);
    for id in ["item", "anna", "-20"] {
        assert!(!bytes.windows(id.len()).any(|window| window == id.as_bytes()), "{id}");
    }
}

#[test]
fn mistaken_settings_are_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    for (seconds, is_good) in [(0, false), (1, true), (90 * 86_400, true), (90 * 86_400 + 1, false)] {
        let mut settings = Settings::new(folder.path());
        settings.session_time = std::time::Duration::from_secs(seconds);
        assert_eq!(sidecart_http::App::new(settings).is_ok(), is_good, "{seconds}");
    }
}
