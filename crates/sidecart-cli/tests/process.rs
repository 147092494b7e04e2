//! The program as a user meets it: exit codes, stdout and stderr.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

fn sidecart(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sidecart")).args(args).current_dir(folder).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_demo_runs_and_its_next_commands_work() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let demo = sidecart(at, &["demo", "--out", "shop"]);
    assert!(demo.status.success(), "{}", text(&demo.stderr));
    let shown = text(&demo.stdout);
    assert!(shown.contains("Case for Galaxo S22") && shown.contains("sidecart train --purchases"), "{shown}");

    let explained = sidecart(at, &["recommend", "shop/models/shop", "--basket", "phone-s22", "--explain"]);
    let shown = text(&explained.stdout);
    assert!(explained.status.success() && shown.contains("customers in") && shown.contains("lift"), "{shown}");

    let json = sidecart(at, &["recommend", "shop/models/shop", "--basket", "phone-s22,nonsense", "-k", "3", "--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(answer["offers"].as_array().unwrap().len(), 3);
    assert!(answer["notes"][0].as_str().unwrap().contains("nonsense"), "{answer}");

    let ignored =
        sidecart(at, &["recommend", "shop/models/shop", "--basket", "phone-s22", "--segment", "x", "--store", "1"]);
    let said = text(&ignored.stderr);
    assert!(
        ignored.status.success()
            && said.contains("--segment acts on upsell only")
            && said.contains("does not know store 1"),
        "{said}"
    );

    let any = ["recommend", "shop/models/shop", "--kind", "any", "--basket", "phone-s22", "-k", "2"];
    let both = sidecart(at, &[&any[..], &["--json"]].concat());
    let answer: serde_json::Value = serde_json::from_slice(&both.stdout).unwrap();
    let offers = answer["offers"].as_array().unwrap();
    let kinds: Vec<&str> = offers.iter().map(|offer| offer["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["cross-sell", "cross-sell", "upsell", "upsell"], "{answer}");
    assert_eq!(answer["upgrade"]["anchor_id"], "phone-s22");
    let shown = text(&sidecart(at, &any).stdout);
    let (add, upgrade) = shown.split_once("\nupsell\n").unwrap();
    assert!(add.starts_with("cross-sell\n") && add.contains("Case for") && upgrade.contains("price_delta"), "{shown}");
    let wrong = sidecart(at, &[&any[..], &["--using", "logistic"]].concat());
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("--using = logistic: expected one of default"), "{}", text(&wrong.stderr));

    let nothing = sidecart(at, &["inspect", "shop/models/shop", "--ladder", "phnoe"]);
    assert_eq!(nothing.status.code(), Some(2));
    assert!(text(&nothing.stderr).contains("nearest: "), "{}", text(&nothing.stderr));

    let overview = text(&sidecart(at, &["inspect", "shop/models/shop"]).stdout);
    let row = overview.lines().find(|line| line.trim_start().starts_with("completion-known"));
    let is_ranked = |row: &str| ["linear", "trees", "neural"].iter().any(|ranker| row.ends_with(ranker));
    assert!(row.is_some_and(is_ranked), "{overview}");

    let inspected = sidecart(at, &["inspect", "shop/models/shop", "--item", "phone-s22", "--verify"]);
    assert!(inspected.status.success() && text(&inspected.stdout).contains("case-s22"));

    #[cfg(unix)]
    serve_answers_and_stops(at);

    let counted = sidecart(at, &["count", "shop/sidecart.toml", "--out", "shop.stats"]);
    assert!(counted.status.success(), "{}", text(&counted.stderr));
    let trained =
        sidecart(at, &["train", "shop/sidecart.toml", "--statistics", "shop.stats", "--out", "again", "--json"]);
    let facts: serde_json::Value = serde_json::from_slice(&trained.stdout).unwrap();
    let live = std::fs::read_to_string(at.join("shop/models/shop/CURRENT")).unwrap();
    assert_eq!(facts["version"].as_str().unwrap(), live.trim(), "from Statistics comes the same version");
    let situations = facts["ranker"]["situations"].as_array().unwrap();
    let named: Vec<&str> = situations.iter().map(|found| found["situation"].as_str().unwrap()).collect();
    assert_eq!(named, ["completion-known", "anonymous", "discovery-known"], "{facts}");
    assert!(facts["upsell"]["events"][0].as_u64().unwrap() > 0 && facts["upsell"]["segments"].is_array(), "{facts}");
    let trained = sidecart(at, &["train", "shop/sidecart.toml", "--statistics", "shop.stats", "--out", "again"]);
    let shown = text(&trained.stdout);
    for line in ["ranker: NDCG@10", "ladders: ", "upgrades: ", "propensity: ", "segments: ", "published: "] {
        assert!(shown.lines().any(|l| l.starts_with(line)), "{line}: {shown}");
    }
}

/// The server over the demo shop: asks it once and stops it as a service manager does.
#[cfg(unix)]
fn serve_answers_and_stops(at: &Path) {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpStream;
    use std::process::Stdio;

    std::fs::write(at.join("session.key"), "0123456789abcdef".repeat(4)).unwrap();
    let args = ["serve", "shop/models", "--listen", "127.0.0.1:0", "--no-admin", "--token-env", "SIDECART_TEST_TOKEN"];
    let mut server = Command::new(env!("CARGO_BIN_EXE_sidecart"))
        .args(args)
        .args(["--session-key-file", "session.key", "--session-hours", "0.5"])
        .env("SIDECART_TEST_TOKEN", "sixteen-characters")
        .current_dir(at)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(server.stderr.take().unwrap()).lines().map(Result::unwrap);
    let address = said.find_map(|line| Some(line.split_once("http://")?.1.trim_end_matches('/').to_owned())).unwrap();
    assert!(said.any(|line| line.contains("model shop: version")), "the model is loaded");
    let post = |path: &str, token: &str, body: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
             authorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let ask = |path: &str, token: &str| post(path, token, r#"{"items": ["phone-s22"], "k": 3, "explain": true}"#);
    let answer = ask("/v1/recommend", "sixteen-characters");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("Case for Galaxo S22"), "{answer}");
    assert!(ask("/v1/recommend", "another-token-here").starts_with("HTTP/1.1 401"));
    let slate = ask("/v1/offers", "sixteen-characters");
    assert!(slate.starts_with("HTTP/1.1 200") && slate.contains("\"session\":\"A"), "{slate}");
    // What is promoted is a candidate of a learned ranker, wherever it then ranks.
    let ranked = |promoted: &str| {
        let body = format!(r#"{{"items": ["phone-s22"], "k": 300, "using": "trees", "promoted": [{promoted}]}}"#);
        post("/v1/recommend", "sixteen-characters", &body)
    };
    let (plain, promoted) = (ranked(""), ranked("\"wall-calendar\""));
    assert!(!plain.contains("\"wall-calendar\"") && promoted.contains("\"item\":\"wall-calendar\""), "{promoted}");
    let killed = Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert!(said.any(|line| line.contains("every request was answered")));
    assert_eq!(server.wait().unwrap().code(), Some(0));
}

#[test]
fn exit_codes_say_who_has_to_act() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let code = |args: &[&str]| sidecart(at, args).status.code();
    assert_eq!(code(&["recommend"]), Some(2), "wrong use");
    assert_eq!(code(&["train", "missing.toml"]), Some(2), "no such configuration");
    std::fs::write(at.join("wrong.toml"), "[purchases]\npaths = 'x'\n").unwrap();
    let wrong = sidecart(at, &["train", "wrong.toml"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("path"), "the valid keys are named: {}", text(&wrong.stderr));
    std::fs::write(at.join("broken.parquet"), b"this is no parquet").unwrap();
    let broken = sidecart(at, &["train", "--purchases", "broken.parquet", "--out", "m"]);
    assert_eq!(broken.status.code(), Some(3), "wrong data");
    assert!(text(&broken.stderr).contains("broken.parquet"));
    assert_eq!(code(&["serve", "nowhere"]), Some(2), "no such folder");
    assert_eq!(code(&["serve", ".", "--hold-out", "0.1"]), Some(2), "a hold-out without a log");
    assert_eq!(code(&["serve", ".", "--session-hours", "2"]), Some(2), "a lifetime without a key");
    std::fs::write(at.join("session.key"), "0123456789abcdef\n").unwrap();
    let weak = sidecart(at, &["serve", ".", "--session-key-file", "session.key"]);
    assert_eq!(weak.status.code(), Some(2));
    assert!(text(&weak.stderr).contains("openssl rand -hex 32"), "{}", text(&weak.stderr));
    assert!(!text(&weak.stderr).contains("0123"), "the key is not shown: {}", text(&weak.stderr));
    std::fs::write(at.join("token"), "short").unwrap();
    let weak = sidecart(at, &["serve", ".", "--token-file", "token"]);
    assert_eq!(weak.status.code(), Some(2));
    assert!(
        text(&weak.stderr).contains("16 to 512") && !text(&weak.stderr).contains("short"),
        "{}",
        text(&weak.stderr)
    );
    assert_eq!(code(&["--version"]), Some(0));
    assert_eq!(code(&["config", "--reference"]), Some(0));
}

#[test]
fn a_calibration_needs_exposures_and_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let without = sidecart(at, &["calibrate", "models/shop"]);
    assert_eq!(without.status.code(), Some(2));
    assert!(text(&without.stderr).contains("--exposures"), "{}", text(&without.stderr));
    let nowhere = sidecart(at, &["calibrate", "models/shop", "--exposures", "log.jsonl"]);
    assert_eq!(nowhere.status.code(), Some(2), "{}", text(&nowhere.stderr));
    assert!(text(&sidecart(at, &["calibrate", "--help"]).stdout).contains("Needs a hold-out"));
}

/// The examples under `docs/deploy` are not run here; what they ask of the program is held against it.
#[test]
fn the_deployment_examples_use_options_that_exist() {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/deploy");
    let help = text(&sidecart(Path::new("."), &["serve", "--help"]).stdout);
    for (file, starts) in [("Dockerfile", &["CMD", "ENTRYPOINT"][..]), ("sidecart.service", &["ExecStart="])] {
        let content = std::fs::read_to_string(deploy.join(file)).unwrap();
        let commands = content.lines().filter(|line| starts.iter().any(|start| line.starts_with(start)));
        let words = commands.flat_map(|line| line.split(|c: char| c.is_whitespace() || "\",[]".contains(c)));
        let options: Vec<&str> = words.filter(|word| word.starts_with("--")).collect();
        assert!(options.len() >= 2, "{file}: {options:?}");
        for option in options {
            assert!(help.contains(&format!("{option} ")), "{file}: {option} is no option of `sidecart serve`");
        }
    }
}
