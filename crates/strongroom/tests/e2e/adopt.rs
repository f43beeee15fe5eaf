//! `strongroom adopt`: what lies in the bucket already becomes objects, where it lies.

use aws_sdk_s3::primitives::ByteStream;
use serde_json::{Value, json};

use crate::app::App;
use crate::bucket::sdk;
use crate::caller::{open, text};
use crate::files;

const FILES: &str = "[storage]\nlocation = \"media\"\n[spaces.files]\naccept = [\"image/*\", \"application/pdf\"]\n";

/// Lays something into the bucket as another program would have, long ago.
async fn lay(app: &App, key: &str, content_type: &str, bytes: &[u8]) {
    let put = sdk(app, "janitor").put_object().bucket(app.bucket()).key(key).content_type(content_type);
    put.body(ByteStream::from(bytes.to_vec())).send().await.unwrap();
}

/// Runs the command and reads what it prints: a line for each row, and the numbers.
fn adopt(app: &App, code: i32, words: &[&str]) -> (Vec<Value>, Value) {
    let words: Vec<&str> = ["adopt", "files", "--json"].iter().chain(words).copied().collect();
    let output = app.command(&words);
    assert_eq!(output.status.code(), Some(code), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sum = lines.pop().expect("the numbers come at the end");
    (lines, sum)
}

fn codes(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["code"].as_str().unwrap_or_else(|| text(&row["outcome"]))).collect()
}

#[tokio::test]
async fn what_lies_below_a_prefix_becomes_objects_where_it_lies() {
    let app = App::start(FILES);
    let (picture, page) = (files::png(1), b"<!doctype html><p>hello".to_vec());
    lay(&app, "media/photos/a b+%.png", "image/png", &picture).await;
    lay(&app, "media/photos/bare.png", "binary/octet-stream", &picture).await;
    lay(&app, "media/photos/page.html", "text/html", &page).await;
    lay(&app, "media/photos/trap.png", "text/html", &picture).await;
    lay(&app, "media/photos2/other.png", "image/png", &picture).await;

    let (rows, sum) = adopt(&app, 1, &["--prefix", "media/photos/", "--owner", "alice", "--dry-run"]);
    assert_eq!(codes(&rows), ["possible", "possible", "type-not-accepted", "served-as-active"], "{rows:?}");
    assert_eq!(sum, json!({ "adopted": 0, "there": 0, "possible": 2, "failed": 2 }));
    let alice = app.user("alice");
    let list = "/v1/spaces/files/objects?order=name";
    assert_eq!(alice.get(list).await.ok(200)["items"], json!([]), "a dry run changes nothing");

    let before = crate::bucket::keys(&app).await;
    let words = ["--prefix", "media/photos/", "--owner", "alice", "--group", "old", "--tag", "adopted"];
    let (rows, sum) = adopt(&app, 1, &words);
    assert_eq!(codes(&rows), ["adopted", "adopted", "type-not-accepted", "served-as-active"], "{rows:?}");
    assert_eq!(sum, json!({ "adopted": 2, "there": 0, "possible": 0, "failed": 2 }));
    assert_eq!(crate::bucket::keys(&app).await, before, "nothing was moved or copied");
    let objects = alice.get(list).await.ok(200)["items"].clone();
    let names: Vec<_> = objects.as_array().unwrap().iter().map(|object| text(&object["name"])).collect();
    assert_eq!(names, ["a b+%.png", "bare.png"]);
    for object in objects.as_array().unwrap() {
        assert_eq!((&object["owner"], &object["group"]), (&json!("alice"), &json!("old")));
        assert_eq!(object["tags"], json!(["adopted"]));
        assert_eq!(object["version"]["content_type"], "image/png");
        assert_eq!(object["version"]["sha256"], files::sha256(&picture));
        let seen = alice.get(&format!("/v1/objects/{}", text(&object["id"]))).await.ok(200);
        assert_eq!(open(text(&seen["link"]["url"])).await.body, picture);
    }
    let usage = app.admin().get("/v1/usage").await.ok(200);
    assert_eq!((&usage["items"][0]["objects"], &usage["items"][0]["reserved_objects"]), (&json!(2), &json!(0)));
    assert_eq!(usage["items"][0]["bytes"], picture.len() * 2);

    let (rows, sum) = adopt(&app, 1, &words);
    assert_eq!(codes(&rows), ["there", "there", "type-not-accepted", "served-as-active"], "{rows:?}");
    assert_eq!(sum["adopted"], 0);
    assert_eq!(rows[0]["id"], objects[0]["id"]);
    app.command_json(&["gc", "--grace", "1m", "--json"]);
    assert_eq!(crate::bucket::keys(&app).await, before, "the clean-up leaves alone what is and what is not adopted");
}

#[tokio::test]
async fn a_table_out_of_a_database_says_whose_everything_is() {
    let app = App::start(FILES);
    let picture = files::png(3);
    for name in ["one", "two", "three", "four"] {
        lay(&app, &format!("media/{name}.png"), "image/png", &picture).await;
    }
    let (store, bucket) = (app.store(), app.bucket());
    let table = format!(
        "url,owner,group,name,tags,metadata\n\
         {store}/{bucket}/media/one.png,alice,trip,First.png,\"sea,sun\",\"{{\"\"row\"\":1}}\"\n\
         s3://{bucket}/media/two.png,bob,,,,\n\
         three.png,,,,,\n\
         media/four.png,,,,,\n\
         {store}/{bucket}/media/gone.png,,,,,\n\
         s3://another/media/one.png,,,,,\n\
         s3://{bucket}/outside.png,,,,,\n\
         media/staging/x,,,,,\n\
         media/a/../one.png,,,,,\n\
         media/one.png,,,,,[]\n\
         https://,,,,,\n"
    );
    let file = app.data().join("table.csv");
    std::fs::write(&file, table).unwrap();
    let words = ["--from", file.to_str().unwrap()];
    let (rows, _) = adopt(&app, 1, &words);
    let failed = ["missing", "elsewhere", "outside-location", "staging", "malformed", "malformed", "malformed"];
    let expected: Vec<&str> = ["adopted"; 4].into_iter().chain(failed).collect();
    assert_eq!(codes(&rows), expected, "{rows:?}");
    let first = app.user("alice").get(&format!("/v1/objects/{}", text(&rows[0]["id"]))).await.ok(200);
    assert_eq!((&first["name"], &first["group"]), (&json!("First.png"), &json!("trip")));
    assert_eq!((&first["tags"], &first["metadata"]), (&json!(["sea", "sun"]), &json!({ "row": 1 })));
    let second = app.user("bob").get(&format!("/v1/objects/{}", text(&rows[1]["id"]))).await.ok(200);
    assert_eq!(second["name"], "two.png");
    let (again, sum) = adopt(&app, 1, &words);
    assert_eq!((&sum["adopted"], &sum["there"]), (&json!(0), &json!(4)), "{again:?}");

    // An adopted object is deleted like any other.
    let path = format!("/v1/objects/{}", text(&rows[0]["id"]));
    app.user("alice").delete(&path).await.ok(204);
    assert!(crate::bucket::keys(&app).await.contains(&"media/one.png".to_owned()), "it can be restored");
    app.user("alice").post(&format!("{path}/restore"), &json!({})).await.ok(200);

    for (table, word) in [("owner\nx\n", "url"), ("url,ownr\na,b\n", "ownr"), ("url,owner\na\n", "table")] {
        std::fs::write(&file, table).unwrap();
        let output = app.command(&["adopt", "files", "--from", file.to_str().unwrap()]);
        assert!(!output.status.success());
        assert!(String::from_utf8_lossy(&output.stderr).contains(word), "{output:?}");
    }
    let output = app.command(&["adopt", "nowhere", "--prefix", "media/"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("there are: files"), "{output:?}");
}

#[tokio::test]
async fn a_deleted_adopted_object_goes_for_good_like_any_other() {
    let app = App::start(&format!("{FILES}deleted_retention = \"0s\"\n"));
    lay(&app, "media/one.png", "image/png", &files::png(1)).await;
    let (rows, _) = adopt(&app, 0, &["--prefix", "media/", "--owner", "alice"]);
    app.user("alice").delete(&format!("/v1/objects/{}", text(&rows[0]["id"]))).await.ok(204);
    // The service's own clean-up rests for ten minutes.
    let report = app.command_json(&["gc", "--json"]);
    assert_eq!((&report["purged"], &report["deleted_keys"]), (&json!(1), &json!(1)), "{report}");
    assert_eq!(crate::bucket::keys(&app).await, [""; 0]);
}
