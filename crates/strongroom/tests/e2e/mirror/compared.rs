//! `strongroom verify` compares both storages with the database, and can have the mirror repaired.

use serde_json::{Value, json};
use strongroom_testbed::Fault;

use super::{Pair, assert_same, expected, hand_in, key, until};
use crate::app::App;
use crate::caller::text;

/// Runs the command; its findings as (storage, what, key), and the numbers of each storage.
fn verify(app: &App, code: i32, words: &[&str]) -> (Vec<(String, String, String)>, Vec<Value>) {
    let words: Vec<&str> = ["verify", "--json"].iter().chain(words).copied().collect();
    let output = app.command(&words);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let lines = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let (findings, sums): (Vec<_>, Vec<_>) = lines.partition(|line| line.get("what").is_some());
    let field = |finding: &Value, name: &str| text(&finding[name]).to_owned();
    let triple = |finding: &Value| (field(finding, "storage"), field(finding, "what"), field(finding, "key"));
    let mut findings: Vec<_> = findings.iter().map(triple).collect();
    findings.sort();
    (findings, sums)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_changed_or_unknown_in_the_mirror_is_named_and_can_be_repaired() {
    let pair = Pair::start();
    let made = hand_in(&pair.app, 0..6).await;
    pair.caught_up().await;
    let (findings, sums) = verify(&pair.app, 0, &["--contents"]);
    assert_eq!(findings, []);
    for (name, sum) in ["storage", "mirror"].into_iter().zip(&sums) {
        let whole = json!({
            "storage": name, "versions": 6, "read": 6, "missing": 0, "differ": 0, "orphans": 0, "awaited": 0,
        });
        assert_eq!(*sum, whole);
    }

    let (lost, changed, shorter) = (key(&made[0].0), key(&made[1].0), key(&made[2].0));
    pair.second.lose(&format!("copy/{lost}")).await;
    let mut other = made[1].1.clone();
    *other.last_mut().unwrap() ^= 1;
    pair.second.lay(&format!("copy/{changed}"), &other).await;
    pair.second.lay(&format!("copy/{shorter}"), b"short").await;
    pair.second.lay("copy/nobody/knows", b"this").await;
    let finding = |what: &str, key: &str| ("mirror".to_owned(), what.to_owned(), key.to_owned());
    let mut all = vec![finding("missing", lost), finding("differs", shorter), finding("orphan", "nobody/knows")];
    all.sort();
    assert_eq!(verify(&pair.app, 1, &[]).0, all);
    all.push(finding("differs", changed));
    all.sort();
    let (findings, sums) = verify(&pair.app, 1, &["--contents", "--repair-mirror"]);
    assert_eq!(findings, all);
    assert_eq!((&sums[1]["missing"], &sums[1]["differ"], &sums[1]["orphans"]), (&json!(1), &json!(2), &json!(1)));
    pair.caught_up().await;
    let (findings, _) = verify(&pair.app, 3, &["--contents"]);
    assert_eq!(findings, [finding("orphan", "nobody/knows")]);
    pair.second.lose("copy/nobody/knows").await;
    assert_same(&pair.second.contents("strongroom").await, &expected("copy", &made));

    // What the storage lost is named as its own, and the mirror still has it.
    pair.first.lose(&format!("main/{lost}")).await;
    let (findings, _) = verify(&pair.app, 1, &[]);
    assert_eq!(findings, [("storage".to_owned(), "missing".to_owned(), lost.to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_still_on_its_way_is_no_finding() {
    let mut pair = Pair::start();
    // No answer that is a mistake of the storage: it is there, and takes nothing.
    let refused = Fault::s3(403, "AccessDenied");
    pair.second.proxy.set(refused);
    hand_in(&pair.app, 0..3).await;
    until(&pair.app, "all to fail", |mirror| mirror["failing"] == 3).await;
    // Nobody copies while it is compared.
    pair.app.kill();
    pair.second.proxy.heal();
    let (findings, sums) = verify(&pair.app, 0, &[]);
    assert_eq!(findings, []);
    assert_eq!((&sums[1]["awaited"], &sums[1]["missing"]), (&json!(3), &json!(0)), "{sums:?}");
    pair.app.run();
    pair.caught_up().await;
    let (_, sums) = verify(&pair.app, 0, &[]);
    assert_eq!((&sums[1]["awaited"], &sums[1]["versions"]), (&json!(0), &json!(3)), "{sums:?}");
}

#[test]
fn repairing_a_mirror_that_is_not_there_is_refused_with_what_to_do() {
    let app = App::start(super::FILES);
    let output = app.command(&["verify", "--repair-mirror"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("[storage.mirror]"), "{said}");
}
