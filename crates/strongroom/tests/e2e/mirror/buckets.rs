//! Spaces with buckets of their own have mirror buckets of their own; what was adopted is mirrored as it is served.

use aws_sdk_s3::primitives::ByteStream;
use strongroom_testbed::Fault;

use super::{FILES, Pair, Store, caught_up, expected, hand_in, until};
use crate::app::App;
use crate::bucket::sdk;
use crate::caller::{open, text};
use crate::files;
use crate::ways::{Way, handed, object};

#[tokio::test(flavor = "multi_thread")]
async fn each_bucket_has_its_mirror_bucket() {
    let first = Store::with("main", "[spaces.files]\n[spaces.scans]\nbucket = \"scans-first\"\n");
    let second = Store::with("copy", "[spaces.files]\n[spaces.scans]\nbucket = \"scans-second\"\n");
    let scans =
        "[spaces.scans]\nbucket = \"scans-first\"\nmirror_bucket = \"scans-second\"\ndeleted_retention = \"0s\"\n";
    let app = App::start_external(&format!("{}{scans}", super::configuration(&first, &second)));
    let alice = app.user("alice");
    let files = hand_in(&app, 0..2).await;
    let mut scans = Vec::new();
    for number in 5..8 {
        let picture = files::png(number);
        scans.push((object(&alice, Way::Put, &handed("scans", "a.png", "image/png", &picture)).await, picture));
    }
    caught_up(&app).await;
    assert_eq!(second.contents("strongroom").await, expected("copy", &files));
    assert_eq!(second.contents("scans-second").await, expected("copy", &scans));
    assert_eq!(app.command(&["verify", "--contents"]).status.code(), Some(0));

    alice.delete(&format!("/v1/objects/{}", text(&scans[0].0["id"]))).await.ok(204);
    app.command_json(&["gc", "--json"]);
    caught_up(&app).await;
    assert_eq!(second.contents("scans-second").await, expected("copy", &scans[1..]));
    assert_eq!(first.contents("scans-first").await, expected("main", &scans[1..]));

    first.proxy.set(Fault::Reset);
    let status = until(&app, "the mirror to stand in", |mirror| mirror["stands_in"] == true).await;
    assert_eq!(status["buckets_of_spaces"], serde_json::json!(["scans-second"]));
    let seen = alice.get(&format!("/v1/objects/{}", text(&scans[1].0["id"]))).await.ok(200);
    let url = text(&seen["link"]["url"]);
    assert!(url.starts_with(&format!("{}/scans-second/copy/", second.endpoint())), "{url}");
    assert_eq!(open(url).await.body, scans[1].1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_adopted_is_mirrored_with_what_it_is_served_as_and_goes_like_any_other() {
    let pair = Pair::start();
    let picture = files::png(1);
    let client = sdk(&pair.first.app, "janitor");
    let put = client.put_object().bucket("strongroom").key("main/old/beach.png").content_type("image/png");
    let put = put.cache_control("max-age=60").content_language("de").metadata("camera", "box");
    put.body(ByteStream::from(picture.clone())).send().await.unwrap();
    let words = ["adopt", "files", "--prefix", "main/old/", "--owner", "alice", "--json"];
    let output = pair.app.command(&words);
    assert!(output.status.success(), "{output:?}");
    pair.caught_up().await;
    let reader = sdk(&pair.second.app, "reader");
    let got = reader.get_object().bucket("strongroom").key("copy/old/beach.png").send().await.unwrap();
    assert_eq!((got.content_type(), got.cache_control()), (Some("image/png"), Some("max-age=60")));
    assert_eq!(got.content_language(), Some("de"));
    assert_eq!(got.metadata().unwrap().get("camera").map(String::as_str), Some("box"));
    assert_eq!(got.body.collect().await.unwrap().to_vec(), picture);

    let alice = pair.app.user("alice");
    let list = alice.get("/v1/spaces/files/objects").await.ok(200);
    alice.delete(&format!("/v1/objects/{}", text(&list["items"][0]["id"]))).await.ok(204);
    pair.app.command_json(&["gc", "--json"]);
    pair.caught_up().await;
    assert!(pair.second.contents("strongroom").await.is_empty());
    assert!(pair.first.contents("strongroom").await.is_empty());
}

#[test]
fn a_configuration_that_contradicts_itself_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("strongroom.toml");
    let storage = "[storage]\nbucket = \"media\"\nendpoint = \"http://127.0.0.1:9\"\n[storage.all]\nprofile = \"a\"\n";
    for (rest, part) in [
        ("[storage.mirror]\nendpoint = \"http://127.0.0.1:9\"\n", "name the bucket"),
        ("[storage.mirror]\nbucket = \"media\"\nendpoint = \"http://127.0.0.1:9\"\n", "where the objects lie already"),
        ("[spaces.files]\nmirror_bucket = \"other\"\n", "there is none"),
    ] {
        std::fs::write(&file, format!("{storage}{rest}")).unwrap();
        let output = crate::app::program(&["serve"], &file, &folder.path().join("data")).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(part), "{rest}: {said}");
    }
    std::fs::write(&file, FILES).unwrap();
    let output = crate::app::program(&["migrate", "storage"], &file, &folder.path().join("data")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("describe the new storage as [storage.mirror]"), "{said}");
}
