//! While the first storage is away, links lead to the mirror, and nothing else changes.

use serde_json::{Value, json};
use strongroom_testbed::Fault;

use super::{Pair, caught_up, hand_in, key, until};
use crate::caller::{Caller, open, text};
use crate::ways::{Way, handed};

async fn link(caller: &Caller, object: &Value) -> String {
    let seen = caller.get(&format!("/v1/objects/{}", text(&object["id"]))).await.ok(200);
    text(&seen["link"]["url"]).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn links_lead_to_the_mirror_while_the_storage_is_away() {
    for fault in [Fault::Reset, Fault::BlackHole, Fault::s3(503, "ServiceUnavailable")] {
        let pair = Pair::start();
        let (alice, bob) = (pair.app.user("alice"), pair.app.user("bob"));
        let made = hand_in(&pair.app, 0..4).await;
        pair.caught_up().await;
        let (gone, _) = &made[3];
        alice.delete(&format!("/v1/objects/{}", text(&gone["id"]))).await.ok(204);
        // One that the mirror does not get before the storage is away.
        pair.second.proxy.set(Fault::Reset);
        let (late, _) = &hand_in(&pair.app, 9..10).await[0];
        let first = link(&alice, &made[0].0).await;
        assert!(first.starts_with(&pair.first.endpoint()), "{first}");

        pair.first.proxy.set(fault.clone());
        pair.second.proxy.heal();
        until(&pair.app, "the mirror to stand in", |mirror| mirror["stands_in"] == true).await;
        for (object, content) in &made[..3] {
            let shown = link(&alice, object).await;
            assert!(shown.starts_with(&pair.second.endpoint()) && shown.contains("copy/"), "{fault:?}: {shown}");
            assert_eq!(open(&shown).await.body, *content);
            let path = format!("/v1/objects/{}/download", text(&object["id"]));
            let download = alice.get(&path).await.ok(200);
            let saved = open(text(&download["download_url"])).await;
            assert_eq!(saved.body, *content);
            assert!(saved.header("content-disposition").contains("a.png"));
            // Who may not see it has nothing of the mirror either.
            bob.get(&path).await.refused(404, "not-found");
        }
        let items = json!({ "items": [made[0].0["id"], gone["id"], late["id"], key(&made[1].0)] });
        let links = alice.post("/v1/links", &items).await.ok(200);
        let hosts: Vec<Option<bool>> = links["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["url"].as_str().map(|url| url.starts_with(&pair.second.endpoint())))
            .collect();
        // What is deleted has no link, and what the mirror has not got has that of the first storage.
        assert_eq!(hosts, [Some(true), None, Some(false), Some(true)], "{links}");
        let refused = crate::ways::hand_in(&alice, Way::Raw, &handed("files", "b.png", "image/png", &made[0].1)).await;
        assert_eq!(refused.status, 503, "{}", refused.text());
        assert_eq!(pair.app.anonymous().get("/readyz").await.status, 200);
        assert_eq!(alice.get("/v1/status").await.ok(200)["status"], "degraded");

        pair.first.proxy.heal();
        until(&pair.app, "the storage to be back", |mirror| mirror["stands_in"] == false).await;
        assert!(link(&alice, &made[0].0).await.starts_with(&pair.first.endpoint()));
        caught_up(&pair.app).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_is_away_too_is_not_what_links_lead_to() {
    let pair = Pair::start();
    let alice = pair.app.user("alice");
    let made = hand_in(&pair.app, 0..1).await;
    pair.caught_up().await;
    pair.second.proxy.set(Fault::Reset);
    until(&pair.app, "the mirror to be away", |mirror| mirror["healthy"] == false).await;
    pair.first.proxy.set(Fault::Reset);
    while pair.app.anonymous().get("/readyz").await.status == 200 {
        tokio::task::yield_now().await;
    }
    assert!(link(&alice, &made[0].0).await.starts_with(&pair.first.endpoint()));
    pair.second.proxy.heal();
    until(&pair.app, "the mirror to stand in", |mirror| mirror["stands_in"] == true).await;
    assert!(link(&alice, &made[0].0).await.starts_with(&pair.second.endpoint()));
}
