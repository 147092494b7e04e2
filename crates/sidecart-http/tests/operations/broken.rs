use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sidecart_core::{Progress, Rng};
use sidecart_http::{App, Retry};

use crate::support::running::{Client, Running, get, question};
use crate::support::{Shop, settings};

/// Puts a damaged copy of a version beside it and makes it the live one.
fn publish_broken(model: &Path, good: &str, attempt: u64, rng: &mut Rng) {
    let name = format!("{:016x}", 0xdead_0000_0000_0000 | attempt);
    let folder = model.join(&name);
    fs::create_dir_all(folder.join("customers")).unwrap();
    let mut files = Vec::new();
    for file in ["manifest.json", "model.safetensors", "customers/000.shard"] {
        fs::copy(model.join(good).join(file), folder.join(file)).unwrap();
        files.push(folder.join(file));
    }
    // Three kinds of damage need not touch a byte: the folder's name is not the manifest's version.
    let victim = &files[rng.below(files.len())];
    let mut bytes = fs::read(victim).unwrap();
    let at = rng.below(bytes.len());
    match attempt % 8 {
        0 => bytes[at] ^= 1 << rng.below(8),
        1 => bytes.truncate(at),
        2 => bytes.extend_from_slice(b"more"),
        3 => bytes.clear(),
        4 => bytes[..8].fill(0xff),
        5 => bytes = (0..bytes.len()).map(|_| rng.next_u64() as u8).collect(),
        6 => fs::remove_file(victim).unwrap(),
        _ => {}
    }
    if attempt % 8 != 6 {
        fs::write(victim, bytes).unwrap();
    }
    let current = match attempt % 10 {
        7 => "../../etc/passwd".to_owned(),
        8 => "ffffffffffffffff".to_owned(),
        9 => String::new(),
        _ => name,
    };
    fs::write(model.join("CURRENT"), current).unwrap();
}

#[test]
fn two_hundred_broken_versions_leave_the_old_one_answering() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("shop");
    let good = Shop::default().publish(&model);
    let mut settings = settings(folder.path());
    settings.watch_interval = Duration::from_secs(3_600);
    settings.admin_listen = Some(([127, 0, 0, 1], 0).into());
    let server = Running::start(settings);
    let admin = server.admin.unwrap();
    let mut rng = Rng::new(1, 7);
    let mut client = Client::connect(server.address);
    for attempt in 0..200 {
        publish_broken(&model, &good, attempt, &mut rng);
        let mut reload = Client::connect(admin);
        reload.send(b"POST /admin/reload HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        let answer = reload.answer().unwrap();
        assert!(answer.body.contains("\"failed\"") && answer.body.contains(&good), "{attempt}: {answer:?}");
        assert!(!answer.body.contains(folder.path().to_str().unwrap()));
        client.send(&question());
        let answer = client.answer().unwrap();
        assert_eq!((answer.status, answer.header("x-sidecart-version")), (200, good.as_str()), "{attempt}");
    }
    let text = get(admin, "/metrics").1;
    assert!(text.contains("sidecart_failed_swaps_total 200\n") && text.contains("sidecart_swaps_total 1\n"), "{text}");
    let next = Shop::scored(0.4).publish(&model);
    let mut reload = Client::connect(admin);
    reload.send(b"POST /admin/reload HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    assert!(reload.answer().unwrap().body.contains(&next), "a good version is taken after all these");
    assert_eq!(server.stop().cut_off, 0);
}

/// Counts what the operator is told.
struct Notes(AtomicU32);

impl Progress for Notes {
    fn begin(&self, _: &str, _: u64, _: &str) {}
    fn advance(&self, _: u64) {}
    fn end(&self) {}
    fn note(&self, message: &str) {
        assert!(message.contains("shop"), "{message}");
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_broken_version_is_tried_less_and_less_often() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("shop");
    Shop::default().publish(&model);
    let notes = std::sync::Arc::new(Notes(AtomicU32::new(0)));
    let mut settings = settings(folder.path());
    settings.watch_interval = Duration::from_millis(100);
    settings.progress = notes.clone();
    let app = App::new(settings).unwrap();
    assert_eq!(app.load_models(Retry::WhenDue).unwrap(), 0);
    fs::write(model.join("CURRENT"), "ffffffffffffffff").unwrap();
    for _ in 0..75 {
        assert_eq!(app.load_models(Retry::WhenDue).unwrap(), 1);
        std::thread::sleep(Duration::from_millis(20));
    }
    // After 0, 0.1, 0.3 and 0.7 seconds; the first note told of the good version.
    let told = notes.0.load(Ordering::Relaxed) - 1;
    assert!((3..=5).contains(&told), "{told}");
    assert_eq!(app.load_models(Retry::Now).unwrap(), 1);
    assert_eq!(notes.0.load(Ordering::Relaxed) - 2, told, "who asks for it gets a try at once");
}
