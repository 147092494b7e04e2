//! The page in a real browser, where one is installed.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking and says what it skips")]

mod support;

use std::path::PathBuf;
use std::process::Command;

use sidecart_http::Server;
use support::{Shop, settings};

/// A Chromium, if there is one.
fn browser() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).flat_map(|folder| names.map(|name| folder.join(name))).find(|path| path.is_file())
}

/// The document of an address after its scripts have run.
fn visit(browser: &PathBuf, address: &str) -> String {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--virtual-time-budget=8000", "--dump-dom", address])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_offers_with_reasons_time_and_version() {
    let Some(browser) = browser() else {
        eprintln!("skipped: no chromium on this machine");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let version = Shop::default().publish(&folder.path().join("shop"));
    let server = Server::bind(settings(folder.path())).await.unwrap();
    let address = format!("http://{}/#item-03,not-there", server.address());
    server.app().load_models(sidecart_http::Retry::Now).unwrap();
    let running = tokio::spawn(server.run(std::future::pending()));
    let document = tokio::task::spawn_blocking(move || visit(&browser, &address)).await.unwrap();
    running.abort();
    for shown in [
        "<li class=\"unknown\"",
        "Thing \"3\" &lt;b&gt;ü&lt;/b&gt;",
        "Thing \"4\" &lt;b&gt;ü&lt;/b&gt;",
        "bought together with Thing \"3\"",
        "by 7 customers in 9 baskets (lift 3.5)",
        version.as_str(),
        " ms</b>",
        "<option>neighbours</option>",
    ] {
        assert!(document.contains(shown), "{shown}\n{document}");
    }
    assert_eq!(document.matches("class=\"rank\"").count(), 10, "{document}");
    assert!(!document.contains("class=\"note bad\""), "{document}");
}
