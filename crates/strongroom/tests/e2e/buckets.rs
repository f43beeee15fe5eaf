//! Spaces with buckets of their own: everything that is done with an object is done in the bucket of its space.

use serde_json::{Value, json};

use crate::app::App;
use crate::bucket::sdk;
use crate::caller::{open, send, text};
use crate::files;
use crate::ways::{Way, begin, complete, hand_in, handed, object, put, send_to_storage};

/// A service whose space `scans` has this bucket.
fn start(scans: &str, more: &str) -> App {
    App::start(&format!("[spaces.files]\n{more}\n[spaces.scans]\nbucket = \"{scans}\"\n{more}"))
}

/// The name of a bucket that no other test has, nor the same one another time.
fn bucket_for(test: &str) -> String {
    format!("scans-{test}-{}-{}", std::process::id(), crate::tokens::now())
}

/// Every key in a bucket.
async fn keys_in(app: &App, bucket: &str) -> Vec<String> {
    let page = sdk(app, "janitor").list_objects_v2().bucket(bucket).send().await.unwrap();
    page.contents().iter().map(|object| object.key().unwrap().to_owned()).collect()
}

fn bucket_of(url: &Value) -> &str {
    text(url).split('/').nth(3).unwrap()
}

#[tokio::test]
async fn each_space_keeps_its_objects_in_its_own_bucket() {
    let scans = &*bucket_for("kept");
    let app = start(scans, "");
    let alice = app.user("alice");
    let mut kept = Vec::new();
    for (number, way) in (1..).zip(Way::ALL) {
        let picture = files::large_png(number, 9_000_000);
        for (space, bucket) in [("files", app.bucket()), ("scans", scans)] {
            let made = object(&alice, way, &handed(space, "a.png", "image/png", &picture)).await;
            assert_eq!(bucket_of(&made["link"]["url"]), bucket, "{way:?}");
            assert!(open(text(&made["link"]["url"])).await.body == picture, "{way:?} in {space}");
            kept.push((bucket, text(&made["version"]["key"]).to_owned()));
        }
    }
    for bucket in [app.bucket(), scans] {
        let mut own: Vec<_> = kept.iter().filter(|(at, _)| *at == bucket).map(|(_, key)| key.clone()).collect();
        own.sort();
        assert_eq!(keys_in(&app, bucket).await, own, "{bucket}");
    }
    let status = alice.get("/v1/status").await.ok(200);
    assert_eq!(status["storage"]["bucket"], app.bucket());
    assert_eq!(status["storage"]["buckets_of_spaces"], json!([scans]));
}

#[tokio::test]
async fn a_name_with_a_bucket_finds_what_lies_in_that_bucket_alone() {
    let scans = &*bucket_for("named");
    let app = start(scans, "");
    let alice = app.user("alice");
    let made = object(&alice, Way::Put, &handed("scans", "a.png", "image/png", &files::png(1))).await;
    let key = text(&made["version"]["key"]);
    let permanent = text(&made["link"]["url"]).split('?').next().unwrap();
    let names = [
        key,
        &format!("s3://{scans}/{key}"),
        permanent,
        &format!("s3://{}/{key}", app.bucket()),
        &format!("s3://x/{key}"),
    ];
    let links = alice.post("/v1/links", &json!({ "items": names })).await.ok(200);
    let found: Vec<bool> = links["items"].as_array().unwrap().iter().map(|item| item["url"].is_string()).collect();
    assert_eq!(found, [true, true, true, false, false], "{links}");
}

#[tokio::test]
async fn the_clean_up_reaches_every_bucket() {
    let scans = &*bucket_for("cleaned");
    let brief = "uploads = { expires = \"5s\", multipart_expires = \"5s\" }";
    let app = start(scans, &format!("deleted_retention = \"0s\"\naccept = [\"image/*\"]\n{brief}"));
    let alice = app.user("alice");
    let (picture, page) = (files::png(1), files::html());
    for space in ["files", "scans"] {
        let made = object(&alice, Way::Raw, &handed(space, "a.png", "image/png", &picture)).await;
        alice.delete(&format!("/v1/objects/{}", text(&made["id"]))).await.ok(204);
        for way in Way::DIRECT {
            let refused = hand_in(&alice, way, &handed(space, "a.png", "image/png", &page)).await;
            refused.refused(415, "type-not-accepted");
            let file = handed(space, "a.png", "image/png", &picture);
            let left = begin(&alice, way, &file).await.ok(201);
            let _sent_or_too_late = send_to_storage(&alice, &left, &file).await;
        }
    }
    // What nobody knows of, as a restored database leaves it.
    for bucket in [app.bucket(), scans] {
        let writer = sdk(&app, "writer");
        let stray = format!("staging/{}", uuid::Uuid::from_u128(7));
        writer.put_object().bucket(bucket).key(stray).send().await.unwrap();
    }
    for bucket in [app.bucket(), scans] {
        // The uploads are over within seconds; the clean-up is asked until it knows that. What arrived whole becomes an
        // object, and is deleted.
        while !keys_in(&app, bucket).await.is_empty() {
            app.command_json(&["gc", "--grace", "0s", "--json"]);
            for space in ["files", "scans"] {
                let list = alice.get(&format!("/v1/spaces/{space}/objects")).await.ok(200);
                for object in list["items"].as_array().unwrap() {
                    alice.delete(&format!("/v1/objects/{}", text(&object["id"]))).await.ok(204);
                }
            }
        }
    }
}

#[tokio::test]
async fn an_upload_whose_space_moved_to_another_bucket_is_over() {
    let mut app = App::start("[spaces.files]\n");
    let picture = files::png(1);
    let file = handed("files", "a.png", "image/png", &picture);
    let upload = begin(&app.user("alice"), Way::Put, &file).await.ok(201);
    assert_eq!(send(put(&upload, &picture)).await.status, 200);
    app.kill();
    app.reconfigure(&format!("[spaces.files]\nbucket = \"{}\"\n", bucket_for("other")));
    app.run();
    complete(&app.user("alice"), &upload).await.refused(410, "upload-ended");
}

#[tokio::test]
async fn what_is_to_go_from_buckets_of_former_times_is_set_aside_until_they_are_back_or_forgotten() {
    let (old, older) = (&*bucket_for("old"), &*bucket_for("older"));
    let brief = "uploads = { expires = \"5s\", multipart_expires = \"5s\" }";
    let space = |name: &str, bucket: &str| format!("[spaces.{name}]\nbucket = \"{bucket}\"\n{brief}\n");
    let mut app = App::start(&[space("scans", old), space("prints", older)].concat());
    let picture = files::large_png(1, 9_000_000);
    for name in ["scans", "prints"] {
        for way in [Way::Put, Way::Multipart] {
            let file = handed(name, "a.png", "image/png", &picture);
            let begun = begin(&app.user("alice"), way, &file).await.ok(201);
            // A PUT arrives whole and is never completed; of the parts nothing is joined.
            let _sent = send_to_storage(&app.user("alice"), &begun, &file).await;
        }
    }
    app.kill();
    let (new, newer) = (bucket_for("new"), bucket_for("newer"));
    let moved = [space("scans", &new), space("prints", &newer)].concat();
    app.reconfigure(&moved);
    app.run();
    // The uploads are over within seconds; the clean-up is asked until it knows that.
    let clean_up = |app: &App| app.command_json(&["gc", "--grace", "0s", "--json"]);
    let begun = tokio::time::Instant::now();
    let report = loop {
        let report = clean_up(&app);
        assert_eq!(report["failed"], 0, "{report}");
        if report["set_aside"].as_u64() >= Some(4) {
            break report;
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(90), "nothing is set aside: {report}");
    };
    assert_eq!(clean_up(&app)["set_aside"], report["set_aside"]);
    let said = String::from_utf8(app.command(&["doctor"]).stdout).unwrap();
    let told = said.lines().find(|line| line.contains("other buckets")).unwrap();
    assert!(told.starts_with("WARN") && told.contains(old) && told.contains(older), "{told}");
    assert!(said.contains("gc --forget-bucket"), "{said}");

    // One is forgotten, and the other is there again for a while.
    let refused = app.command(&["gc", "--forget-bucket", &new]);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("is configured"));
    let forgotten = app.command_json(&["gc", "--forget-bucket", older, "--json"]);
    assert!(forgotten["forgotten"].as_u64() >= Some(2), "{forgotten}");
    app.kill();
    app.reconfigure(&[moved, space("attic", old)].concat());
    app.run();
    let report = clean_up(&app);
    assert!(report["set_aside"] == 0 && report["deleted_keys"].as_u64() >= Some(2), "{report}");
    assert_eq!(keys_in(&app, old).await, [""; 0]);
    assert!(String::from_utf8_lossy(&app.command(&["doctor"]).stdout).contains("ok    other buckets"));
}
