//! Drawings: where it was asked for, an SVG gets variants like any other picture, and is itself never shown.

use serde_json::{Value, json};

use super::kept::until;
use super::{SPACE, content, pixel, variants, worked_on};
use crate::app::App;
use crate::caller::{Caller, open, text};
use crate::ways::{Way, handed, object};

const ON: &str = "[processing]\nsvg = true\n";

/// The space of pictures, with drawings in it, too, and a variant in its own size.
fn space() -> String {
    SPACE.replace("read =", "accept = [\"image/*\", \"image/svg+xml\"]\nread =")
        + "[[spaces.photos.variants]]\nname = \"own\"\nformat = \"same\"\n\
           [[spaces.photos.variants]]\nname = \"later\"\nmake = \"on-demand\"\nwidth = 300\nformat = \"png\"\n"
}

/// Red on the left, transparent on the right, and twice as wide as high.
const ICON: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='24' height='12'>\
    <script>alert(1)</script><rect width='12' height='12' fill='#f00'/></svg>";

async fn drawing(caller: &Caller, svg: &str) -> Value {
    let made = object(caller, Way::Raw, &handed("photos", "a.svg", "image/svg+xml", svg.as_bytes())).await;
    worked_on(caller, &made["id"]).await
}

#[tokio::test]
async fn an_svg_is_drawn_as_large_as_its_variants_are() {
    let app = App::start(&format!("{}{ON}", space()));
    let alice = app.user("alice");
    for way in Way::ALL {
        let made = object(&alice, way, &handed("photos", "a.svg", "image/svg+xml", ICON.as_bytes())).await;
        let made = worked_on(&alice, &made["id"]).await;
        let picture = &made["picture"];
        assert_eq!((&picture["state"], &picture["reason"]), (&json!("made"), &json!(null)), "{made}");
        assert_eq!((&picture["width"], &picture["height"], &picture["frames"]), (&json!(24), &json!(12), &json!(1)));
        assert!(!text(&picture["thumbhash"]).is_empty(), "{made}");

        let sizes = |name: &str| -> Vec<_> {
            variants(&made, name).iter().map(|one| (one["width"].clone(), one["height"].clone())).collect()
        };
        assert_eq!(sizes("thumb"), [(json!(32), json!(32))], "{made}");
        assert!(sizes("display").iter().all(|size| *size == (json!(120), json!(60))), "{made}");
        assert_eq!(sizes("own"), [(json!(24), json!(12))], "{made}");
        let kinds: Vec<_> = variants(&made, "display").iter().map(|one| text(&one["content_type"])).collect();
        assert!(kinds.contains(&"image/png") || kinds == ["image/webp"], "it has to stay transparent: {made}");
        // The middle of it fills the square: its sharp edge is in the middle.
        let thumb = content(variants(&made, "thumb")[0]).await;
        assert_eq!((pixel(&thumb, (5, 16)).0, pixel(&thumb, (26, 16)).0), ([255, 0, 0], [0; 3]));
        let later = alice.get(&format!("/v1/objects/{}/variants/later", text(&made["id"]))).await.ok(200);
        let later = content(&later).await;
        assert_eq!((pixel(&later, (148, 75)), pixel(&later, (151, 75)).0), (([255, 0, 0], (300, 150)), [0; 3]));

        // Whoever opens it gets what was handed in, to keep and not to look at.
        assert_eq!(made["version"]["content_type"], "image/svg+xml");
        let served = open(text(&made["link"]["url"])).await;
        assert!(served.header("content-disposition").starts_with("attachment"), "{:?}", served.headers);
        assert_eq!(served.body, ICON.as_bytes());
    }
}

#[tokio::test]
async fn an_svg_is_no_picture_until_that_is_asked_for() {
    let mut app = App::start(&space());
    let alice = app.user("alice");
    let made = drawing(&alice, ICON).await;
    assert_eq!(made["picture"], json!(null));
    let path = format!("/v1/objects/{}/variants/later", text(&made["id"]));
    alice.get(&path).await.refused(404, "no-such-variant");
    let links = alice.post("/v1/links", &json!({ "items": [made["id"]], "transform": "pr:thumb" })).await.ok(200);
    assert_eq!(links["items"][0]["error"]["code"], "no-such-variant", "{links}");
    app.terminate();
    assert!(app.wait());
    app.reconfigure(&format!("{}{ON}", space()));
    app.run();
    let alice = app.user("alice");
    let made = until(&alice, &made["id"], "it is made", |object| object["picture"]["state"] == "made").await;
    assert_eq!(content(variants(&made, "own")[0]).await.get(1..4), Some(&b"PNG"[..]));
    alice.get(&path).await.ok(200);
}

#[tokio::test]
async fn an_svg_is_not_replaced_by_an_optimised_form() {
    let optimise = "[spaces.photos.optimise]\nwidth = 50\nheight = 50\n";
    let app = App::start(&format!("{}{optimise}{ON}", space()));
    let made = drawing(&app.user("alice"), ICON).await;
    assert_eq!(
        (&made["picture"]["state"], &made["version"]["content_type"]),
        (&json!("made"), &json!("image/svg+xml"))
    );
    assert_eq!(open(text(&made["link"]["url"])).await.body, ICON.as_bytes());
}
