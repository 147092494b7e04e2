//! The page in a real browser, where one is installed.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking and says what it skips")]

mod support;

use std::path::Path;

use sidecart_http::{SessionKeys, Settings};
use support::browser::{self, Browser};
use support::running::Running;
use support::{Shop, settings};

/// Nothing is being asked, and something was answered.
const IDLE: &str = "!!document.getElementById('facts') && document.getElementById('facts').children.length > 0 \
                    && document.getElementById('answer').getAttribute('aria-busy') === 'false'";
/// What stands in the offers, as a person reads it.
const OFFERS: &str = "document.getElementById('offers').innerText";

/// Opens the page of a server over one shop; `None` where there is no browser.
fn visit(folder: &Path, shop: Shop, basket: &str, change: impl FnOnce(&mut Settings)) -> Option<(Running, Browser)> {
    let Some(program) = browser::find() else {
        eprintln!("skipped: no chromium on this machine");
        return None;
    };
    shop.publish(&folder.join("shop"));
    let mut settings = settings(folder);
    change(&mut settings);
    let server = Running::start(settings);
    let mut browser = Browser::start(&program);
    browser.open(&format!("http://{}/{basket}", server.address));
    browser.wait(IDLE);
    Some((server, browser))
}

fn with_facts() -> Shop {
    Shop { facts: true, ..Shop::default() }
}

fn click(browser: &mut Browser, label: &str) {
    let clicked = browser.value(&format!(
        "(() => {{ const found = [...document.querySelectorAll('button')].find((b) => (b.getAttribute('aria-label') || b.textContent) === {});
           if (found) found.click(); return Boolean(found); }})()",
        serde_json::json!(label)
    ));
    assert_eq!(clicked, true, "{label}: {}", browser.text("document.body.innerText"));
    browser.wait(IDLE);
}

fn choose(browser: &mut Browser, id: &str, value: &str) {
    browser.value(&format!(
        "document.getElementById('{id}').value = '{value}'; document.getElementById('{id}').dispatchEvent(new Event('change'))"
    ));
    browser.wait(IDLE);
}

#[test]
fn a_model_without_facts_of_items_is_asked_for_a_ranking() {
    let folder = tempfile::tempdir().unwrap();
    let Some((server, mut browser)) = visit(folder.path(), Shop::default(), "#item-03,not-there", |_| {}) else {
        return;
    };
    let document = browser.text("document.documentElement.outerHTML");
    for shown in [
        "<li class=\"unknown\"",
        "Thing \"3\" &lt;b&gt;ü&lt;/b&gt;",
        "Thing \"4\" &lt;b&gt;ü&lt;/b&gt;",
        "bought together with Thing \"3\"",
        "by 7 customers in 9 baskets (lift 3.5)",
        " ms</b>",
        "<option>neighbours</option>",
    ] {
        assert!(document.contains(shown), "{shown}\n{document}");
    }
    assert_eq!(document.matches("class=\"rank\"").count(), 10, "{document}");
    assert!(!document.contains("class=\"note bad\""), "{document}");
    choose(&mut browser, "view", "slate");
    assert_eq!(browser.value("document.querySelectorAll('.offer').length"), 3);
    server.stop();
}

#[test]
fn a_typed_basket_brings_a_slate_with_its_reasons() {
    let folder = tempfile::tempdir().unwrap();
    let Some((server, mut browser)) = visit(folder.path(), with_facts(), "", |_| {}) else { return };
    browser.value("document.getElementById('search').focus()");
    browser.insert("thing \"3\"");
    browser.wait("document.querySelectorAll('#found li').length === 1");
    browser.press("ArrowDown", 40);
    browser.press("Enter", 13);
    browser.wait("document.querySelectorAll('.offer').length === 4");
    browser.wait(IDLE);
    let offers = browser.text(OFFERS);
    for shown in [
        "Belongs to Thing \"3\" <b>ü</b>",
        "Add",
        "Thing \"4\" <b>ü</b> item-04",
        "bought together with Thing \"3\" <b>ü</b> by 7 customers in 9 baskets (lift 3.5)",
        "12.00",
        "basket +12.00",
        "margin +3.00",
        "customers 7",
        "lift 3.5",
    ] {
        assert!(offers.contains(shown), "{shown}\n{offers}");
    }
    let summary = browser.text("document.getElementById('summary').innerText");
    // Thing 3 costs 11.50; with it 8, 4, 5 and 6: 14.00, 12.00, 12.50 less a fifth, and 13.00.
    assert!(summary.contains("basket 11.50") && summary.contains("with all offers 60.50"), "{summary}");
    let price = browser.text("[...document.querySelectorAll('.price')].find((p) => p.querySelector('s')).innerText");
    assert_eq!(price.split_whitespace().collect::<Vec<_>>().join(" "), "12.50 10.00 until 2026-01-01");
    assert_eq!(browser.value("document.getElementById('summary').getAttribute('role')"), "status");

    // What was taken out lies folded, by rule.
    assert_eq!(browser.value("document.getElementById('removed').open"), false);
    let removed = browser.text("document.getElementById('removed').textContent");
    assert!(removed.contains("enough offers of its kind") && removed.contains("Thing \"7\" <b>ü</b>"), "{removed}");

    // Two of them reach an amount.
    choose(&mut browser, "amount", "33.5");
    let reach = browser.text("document.getElementById('reach').innerText");
    assert!(
        reach.contains("22.00 to 33.50") && reach.contains("Thing \"4\" <b>ü</b> + Thing \"5\" <b>ü</b>"),
        "{reach}"
    );
    assert!(reach.contains("22.00, exactly"), "{reach}");

    // At the door nothing is added to a basket, and this shop has nothing to go up to.
    choose(&mut browser, "touchpoint", "home");
    let summary = browser.text("document.getElementById('summary').innerText");
    assert!(summary.contains("0 offers: nothing is known that goes with it"), "{summary}");
    choose(&mut browser, "touchpoint", "");
    choose(&mut browser, "objective", "margin");
    assert!(browser.text("document.getElementById('summary').innerText").contains("counting margin"));

    // Names of the shop are text wherever they stand, and nothing is wider than a phone.
    assert_eq!(
        browser.value(
            "document.querySelectorAll('main b > *, .name b, .why b, #basket b, #found b, #reach b, #removed b').length"
        ),
        0
    );
    browser.resize(400);
    assert_eq!(browser.value("document.documentElement.scrollWidth"), 400);
    click(&mut browser, "Put Thing \"4\" <b>ü</b> into the basket");
    assert_eq!(browser.value("location.hash"), "#item-03,item-04");
    assert_eq!(browser.value("document.activeElement.id"), "heading");
    server.stop();
}

#[test]
fn a_declined_offer_stays_away_until_a_new_session() {
    let keys = SessionKeys::parse(&"0f".repeat(32)).unwrap();
    for keys in [None, Some(keys)] {
        let has_token = keys.is_some();
        let folder = tempfile::tempdir().unwrap();
        let set = |settings: &mut Settings| settings.session_keys = keys;
        let Some((server, mut browser)) = visit(folder.path(), with_facts(), "#item-03", set) else { return };
        assert!(browser.text(OFFERS).contains("item-04"));
        if has_token {
            // Only who asks for it is counted as one visitor.
            assert_eq!(browser.value("session"), serde_json::Value::Null);
            browser.value("document.getElementById('remember').click()");
            browser.wait(IDLE);
        }
        click(&mut browser, "Decline Thing \"4\" <b>ü</b>");
        browser.wait(&format!("!{OFFERS}.includes('item-04')"));
        assert!(browser.text(OFFERS).contains("item-05"));
        let removed = browser.text("document.getElementById('removed').textContent");
        assert!(removed.contains("declined a short time ago"), "{removed}");
        // It stays away for other baskets too, by the token alone where there is one.
        browser.value("add('item-02')");
        browser.wait(IDLE);
        browser.wait("document.getElementById('session').textContent.includes('1 declined')");
        assert!(!browser.text(OFFERS).contains("item-04"), "{}", browser.text(OFFERS));
        assert_eq!(browser.value("Boolean(session) && declined.length === 0"), has_token);
        click(&mut browser, "Begin a new session");
        browser.wait(&format!("{OFFERS}.includes('item-04')"));
        server.stop();
    }
}
