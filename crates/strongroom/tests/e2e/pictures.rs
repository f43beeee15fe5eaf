//! Pictures: what is made of them, when, for whom, and what becomes of it.

mod containers;
mod formats;
mod kept;
mod on_demand;
mod optimised;
mod transforms;

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::App;
use crate::caller::{Answer, Caller, open, send, text};
use crate::files;
use crate::ways::{Way, handed, object};

/// A small square, and as much as fits a screen in whatever format the browser shows.
const SPACE: &str = "[spaces.photos]\nread = [\"signed-in\"]\nlist = [\"signed-in\"]\n\
    [[spaces.photos.variants]]\nname = \"thumb\"\nfit = \"cover\"\nwidth = 32\nheight = 32\nformat = \"png\"\n\
    [[spaces.photos.variants]]\nname = \"display\"\nwidth = 120\nheight = 120\n";

/// How long a picture may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Looks at an object until nobody works on it as a picture any longer.
pub(crate) async fn worked_on(caller: &Caller, id: &Value) -> Value {
    let (path, begun) = (format!("/v1/objects/{}", text(id)), tokio::time::Instant::now());
    loop {
        let object = caller.get(&path).await.ok(200);
        if object["picture"]["state"] != "waiting" {
            return object;
        }
        assert!(begun.elapsed() < PATIENCE, "nobody works on {object}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Hands a photograph in and waits for its variants.
async fn photograph(caller: &Caller, bytes: &[u8]) -> Value {
    let made = object(caller, Way::Raw, &handed("photos", "a.jpg", "image/jpeg", bytes)).await;
    worked_on(caller, &made["id"]).await
}

/// The variants of this name.
fn variants<'a>(object: &'a Value, name: &str) -> Vec<&'a Value> {
    object["picture"]["variants"].as_array().unwrap().iter().filter(|variant| variant["name"] == name).collect()
}

async fn content(variant: &Value) -> Vec<u8> {
    let answer = open(text(&variant["url"])).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, text(&variant["content_type"])));
    assert_eq!(variant["bytes"], answer.body.len());
    answer.body
}

/// The pixel of a PNG at a place, and the size of it.
fn pixel(png: &[u8], (x, y): (u32, u32)) -> ([u8; 3], (u32, u32)) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let at = y as usize * info.line_size + x as usize * info.color_type.samples();
    ([pixels[at], pixels[at + 1], pixels[at + 2]], (info.width, info.height))
}

#[tokio::test]
async fn a_picture_gets_the_variants_of_its_space_whichever_way_it_comes() {
    let app = App::start(SPACE);
    let alice = app.user("alice");
    // As the camera lay on its side: 300 × 200, to be turned by a quarter to the right.
    let bytes = files::photograph((300, 200), 6);
    assert!(bytes.windows(4).any(|bytes| bytes == b"GPS!"));
    for way in Way::ALL {
        let made = object(&alice, way, &handed("photos", "a.jpg", "image/jpeg", &bytes)).await;
        let made = worked_on(&alice, &made["id"]).await;
        let picture = &made["picture"];
        assert_eq!((&picture["state"], &picture["reason"]), (&json!("made"), &json!(null)), "{made}");
        assert_eq!((&picture["width"], &picture["height"], &picture["frames"]), (&json!(200), &json!(300), &json!(1)));
        assert!(text(&picture["dominant"]).starts_with('#') && !text(&picture["thumbhash"]).is_empty());
        assert_eq!(open(text(&made["link"]["url"])).await.body, bytes);

        let [thumb] = variants(&made, "thumb")[..] else { panic!("{made}") };
        assert_eq!((&thumb["width"], &thumb["height"]), (&json!(32), &json!(32)));
        let png = content(thumb).await;
        assert_eq!(pixel(&png, (0, 0)).1, (32, 32));
        let display = variants(&made, "display");
        assert!((1..=2).contains(&display.len()), "{made}");
        for variant in display {
            assert_eq!((&variant["width"], &variant["height"]), (&json!(80), &json!(120)));
            let body = content(variant).await;
            assert!(!body.windows(4).any(|bytes| bytes == b"GPS!" || bytes == b"Exif"), "{variant}");
        }
    }
}

#[tokio::test]
async fn a_picture_is_shown_upright() {
    let app = App::start(&SPACE.replace("width = 120\nheight = 120", "width = 120\nformat = \"png\""));
    let alice = app.user("alice");
    // Red, green, blue and white from the upper left in the order of reading, before they are turned.
    let corners = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]];
    for (orientation, shown) in
        [(1, [0, 1, 2, 3]), (2, [1, 0, 3, 2]), (3, [3, 2, 1, 0]), (6, [2, 0, 3, 1]), (8, [1, 3, 0, 2])]
    {
        let made = photograph(&alice, &files::photograph((64, 64), orientation)).await;
        let png = content(variants(&made, "display")[0]).await;
        for (place, corner) in [(4, 4), (59, 4), (4, 59), (59, 59)].into_iter().zip(shown) {
            let (seen, size) = pixel(&png, place);
            assert_eq!(size, (64, 64), "small pictures are not made larger");
            let far = seen.iter().zip(corners[corner]).map(|(seen, wanted)| seen.abs_diff(wanted)).max();
            assert!(far < Some(24), "orientation {orientation}: {seen:?} at {place:?}");
        }
    }
}

#[tokio::test]
async fn an_animation_stays_one_where_its_format_has_them() {
    let app = App::start(SPACE);
    let alice = app.user("alice");
    let made = object(&alice, Way::Raw, &handed("photos", "a.gif", "image/gif", &files::animation((200, 100)))).await;
    assert_eq!(made["version"]["content_type"], "image/gif");
    let made = worked_on(&alice, &made["id"]).await;
    assert_eq!((&made["picture"]["state"], &made["picture"]["frames"]), (&json!("made"), &json!(3)), "{made}");
    assert_eq!(made["picture"]["dominant"], "#ff0000", "that of the first frame");
    let [thumb] = variants(&made, "thumb")[..] else { panic!("{made}") };
    assert_eq!(pixel(&content(thumb).await, (5, 5)), ([255, 0, 0], (32, 32)));
    // What everybody can show would not move, so there is nothing beside WebP.
    let [display] = variants(&made, "display")[..] else { panic!("{made}") };
    assert_eq!((&display["width"], &display["height"]), (&json!(120), &json!(60)));
    let webp = content(display).await;
    assert_eq!(webp.windows(4).filter(|bytes| bytes == b"ANMF").count(), 3);

    // More than is taken is refused, and says so.
    let app = App::start(&format!("{SPACE}[processing]\nframes = 2\n"));
    let alice = app.user("alice");
    let made = object(&alice, Way::Raw, &handed("photos", "a.gif", "image/gif", &files::animation((20, 10)))).await;
    let made = worked_on(&alice, &made["id"]).await;
    assert_eq!(made["picture"]["reason"]["code"], "picture-too-many-frames", "{made}");
}

#[tokio::test]
async fn what_is_no_picture_passes_through_untouched() {
    let app = App::start(SPACE);
    let alice = app.user("alice");
    for (name, kind, bytes) in
        [("a.txt", "text/plain", files::text(1, 900)), ("a.pdf", "application/pdf", files::pdf())]
    {
        let made = object(&alice, Way::Raw, &handed("photos", name, kind, &bytes)).await;
        assert_eq!(made["picture"], json!(null));
        assert_eq!(open(text(&made["link"]["url"])).await.body, bytes);
        let path = format!("/v1/objects/{}/variants/thumb", text(&made["id"]));
        alice.get(&path).await.refused(404, "no-such-variant");
    }
}

#[tokio::test]
async fn a_picture_that_cannot_be_read_says_why() {
    let app = App::start(SPACE);
    let alice = app.user("alice");
    let whole = files::photograph((300, 200), 1);
    let made = photograph(&alice, &whole[..whole.len() / 2]).await;
    assert_eq!((&made["picture"]["state"], &made["picture"]["variants"]), (&json!("refused"), &json!([])), "{made}");
    assert_eq!(made["picture"]["reason"]["code"], "picture-truncated");
    assert!(text(&made["picture"]["reason"]["detail"]).contains("send it again"), "{made}");
    // It is still what was handed in.
    assert_eq!(open(text(&made["link"]["url"])).await.status, 200);
    let path = format!("/v1/objects/{}/variants/thumb", text(&made["id"]));
    alice.get(&path).await.refused(422, "picture-refused");
    alice.get(&path.replace("thumb", "poster")).await.refused(404, "no-such-variant");
    let status = app.admin().get("/v1/status").await.ok(200);
    assert_eq!(status["pictures"], json!({ "waiting": 0, "refused": 1 }));
}

#[tokio::test]
async fn a_hidden_original_is_for_those_who_may_change_it() {
    let app = App::start(&SPACE.replace("read =", "original = \"private\"\nread ="));
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let bytes = files::photograph((300, 200), 1);
    let made = photograph(&alice, &bytes).await;
    assert_eq!(open(text(&made["link"]["url"])).await.body, bytes);
    let path = format!("/v1/objects/{}", text(&made["id"]));
    for _ in 0..3 {
        alice.get(&path).await.ok(200);
        let seen = bob.get(&path).await.ok(200);
        assert_eq!(seen["link"], json!(null), "{seen}");
        assert_eq!(content(variants(&seen, "thumb")[0]).await.len(), variants(&made, "thumb")[0]["bytes"]);
    }
    bob.get(&format!("{path}/download")).await.refused(404, "not-found");
    alice.get(&format!("{path}/download")).await.ok(200);
    let list = bob.get("/v1/spaces/photos/objects").await.ok(200);
    assert_eq!(
        (&list["items"][0]["link"], list["items"][0]["picture"]["variants"][0]["url"].is_string()),
        (&json!(null), true)
    );

    let items = json!([made["id"], made["version"]["key"]]);
    let links = bob.post("/v1/links", &json!({ "items": items })).await.ok(200);
    assert!(links["items"].as_array().unwrap().iter().all(|item| item["error"]["code"] == "not-found"), "{links}");
    let links = bob.post("/v1/links", &json!({ "items": items, "variant": "thumb" })).await.ok(200);
    for item in links["items"].as_array().unwrap() {
        assert_eq!(open(text(&item["url"])).await.status, 200, "{links}");
    }
    let none = bob.post("/v1/links", &json!({ "items": items, "variant": "poster" })).await.ok(200);
    assert_eq!(none["items"][0]["error"]["code"], "no-such-variant");
}

/// What a telephone writes down is in it, whether or not variants can be made of it.
#[tokio::test]
async fn an_original_is_hidden_of_whatever_kind_of_picture() {
    let app = App::start(&SPACE.replace("read =", "original = \"private\"\nread ="));
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let icon = b"\0\0\x01\0\x01\0\x10\x10\0\0".to_vec();
    for (kind, bytes) in
        [("image/vnd.microsoft.icon", icon), ("image/vnd.adobe.photoshop", b"8BPS\0\x01\0\0\0\0\0\0".to_vec())]
    {
        let made = object(&alice, Way::Raw, &handed("photos", "a", kind, &bytes)).await;
        assert_eq!((&made["version"]["content_type"], &made["picture"]), (&json!(kind), &json!(null)));
        assert_eq!(open(text(&made["link"]["url"])).await.body, bytes);
        let path = format!("/v1/objects/{}", text(&made["id"]));
        assert_eq!(bob.get(&path).await.ok(200)["link"], json!(null), "{kind}");
        bob.get(&format!("{path}/download")).await.refused(404, "not-found");
        let links = bob.post("/v1/links", &json!({ "items": [made["id"]] })).await.ok(200);
        assert_eq!(links["items"][0]["error"]["code"], "not-found", "{kind}");
    }
}

#[tokio::test]
async fn the_audit_log_tells_of_the_links_that_were_handed_out_and_no_others() {
    let app = App::start(SPACE);
    let alice = app.user("alice");
    let made = photograph(&alice, &files::photograph((300, 200), 1)).await;
    let (path, bob) = (format!("/v1/objects/{}", text(&made["id"])), app.user("bob"));
    bob.get(&format!("{path}/variants/poster")).await.refused(404, "no-such-variant");
    bob.get(&format!("{path}/variants/thumb")).await.ok(200);
    bob.post("/v1/links", &json!({ "items": [made["id"]] })).await.ok(200);
    bob.get(&path).await.ok(200);
    let entries = app.admin().get("/v1/audit?actor=user:bob").await.ok(200);
    let mut told: Vec<_> = entries["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["detail"]["original"].clone(), entry["detail"]["variants"].clone()))
        .collect();
    told.reverse();
    let expected =
        [(json!(false), json!(["thumb"])), (json!(null), json!(null)), (json!(true), json!(["display", "thumb"]))];
    assert!(
        told == expected || {
            told.reverse();
            told == expected
        },
        "{entries}"
    );
}

#[tokio::test]
async fn who_may_not_read_a_picture_learns_nothing_of_its_variants() {
    let app = App::start(&SPACE.replace("signed-in", "owner"));
    let (alice, mallory) = (app.user("alice"), app.user("mallory"));
    let made = photograph(&alice, &files::photograph((300, 200), 1)).await;
    let absent = "/v1/objects/01980000-0000-7000-8000-000000000000/variants/thumb";
    let path = format!("/v1/objects/{}/variants/thumb", text(&made["id"]));
    let hidden = mallory.get(&path).await;
    assert_eq!((hidden.status, hidden.problem()["detail"].clone()), {
        let absent = mallory.get(absent).await;
        (absent.status, absent.problem()["detail"].clone())
    });
    app.anonymous().get(&path).await.refused(401, "unauthorized");
    let links = mallory.post("/v1/links", &json!({ "items": [made["id"]], "variant": "thumb" })).await.ok(200);
    assert_eq!(links["items"][0]["error"]["code"], "not-found", "{links}");
    alice.delete(&format!("/v1/objects/{}", text(&made["id"]))).await.ok(204);
    alice.get(&path).await.refused(409, "conflict");
}

async fn with_accept(caller: &Caller, path: &str, accept: &str) -> Answer {
    send(caller.request(reqwest::Method::GET, path).header("accept", accept)).await
}

#[tokio::test]
async fn a_browser_gets_the_format_that_it_shows() {
    let app = App::start(&SPACE.replace("width = 120\nheight = 120", "width = 1000"));
    let alice = app.user("alice");
    let made = photograph(&alice, &files::photograph((1000, 600), 1)).await;
    let kinds: Vec<_> = variants(&made, "display").iter().map(|variant| variant["content_type"].clone()).collect();
    assert_eq!(kinds, ["image/webp", "image/jpeg"], "the shorter one first");
    let path = format!("/v1/objects/{}/variants/display", text(&made["id"]));
    for (accept, kind) in [
        ("image/avif,image/webp,*/*;q=0.8", "image/webp"),
        ("text/html, IMAGE/WEBP;q=0.9", "image/webp"),
        ("image/png,image/*;q=0.8,*/*;q=0.5", "image/jpeg"),
        ("image/webp;q=0, */*", "image/jpeg"),
        ("", "image/jpeg"),
    ] {
        let answer = with_accept(&alice, &path, accept).await;
        assert!(answer.header("vary").contains("accept"));
        let found = answer.ok(200);
        assert_eq!(found["content_type"], kind, "{accept}");
        content(&found).await;
    }
    let answer = with_accept(&alice, &format!("{path}?redirect=1"), "image/webp").await;
    assert_eq!(answer.status, 302);
    assert_eq!(open(answer.header("location")).await.header("content-type"), "image/webp");
}
