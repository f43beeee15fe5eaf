//! Formats that no browser shows: what is handed in gets its variants all the same, in formats that they do show.

use serde_json::json;

use super::{content, pixel, variants, worked_on};
use crate::app::App;
use crate::caller::{open, text};
use crate::files;
use crate::ways::{Way, handed, object};

/// One whose format is the picture's own as far as others can show it, and one to look at.
const SPACE: &str = "[spaces.photos]\nread = [\"signed-in\"]\n\
    [[spaces.photos.variants]]\nname = \"same\"\nwidth = 40\nformat = \"same\"\n\
    [[spaces.photos.variants]]\nname = \"look\"\nformat = \"png\"\nbackground = \"#ffffff\"\n";

#[tokio::test]
async fn a_picture_of_each_format_gets_its_variants() {
    let app = App::start(SPACE);
    let alice = app.user("alice");
    let pictures = [
        ("image/bmp", files::bmp((81, 40)), "image/jpeg"),
        ("image/jxl", files::jxl(), "image/jpeg"),
        // Whatever is transparent has to stay so.
        ("image/tiff", files::tiff((81, 40)), "image/png"),
    ];
    for (kind, bytes, same) in pictures {
        // What it is, its bytes say.
        let made = object(&alice, Way::Raw, &handed("photos", "a", "application/octet-stream", &bytes)).await;
        let made = worked_on(&alice, &made["id"]).await;
        let picture = &made["picture"];
        assert_eq!((&made["version"]["content_type"], &picture["state"]), (&json!(kind), &json!("made")), "{made}");
        assert_eq!((&picture["width"], &picture["height"]), (&json!(81), &json!(40)), "{made}");
        assert_eq!(open(text(&made["link"]["url"])).await.body, bytes);
        let [variant] = variants(&made, "same")[..] else { panic!("{made}") };
        assert_eq!((&variant["content_type"], &variant["width"]), (&json!(same), &json!(40)), "{made}");
        content(variant).await;
        let [look] = variants(&made, "look")[..] else { panic!("{made}") };
        let look = content(look).await;
        for (place, wanted) in [((60, 10), [0, 255, 0]), ((10, 30), [0, 0, 255]), ((60, 30), [255; 3])] {
            let (seen, size) = pixel(&look, place);
            assert_eq!((seen, size), (wanted, (81, 40)), "{kind} at {place:?}");
        }
    }
}

#[tokio::test]
async fn a_text_that_begins_like_a_bmp_is_none() {
    let app = App::start(SPACE);
    let alice = app.user("alice");
    let bytes = b"BMW 2002, needs a new clutch";
    let made = object(&alice, Way::Raw, &handed("photos", "a.txt", "text/plain", bytes)).await;
    assert_eq!((&made["version"]["content_type"], &made["picture"]), (&json!("text/plain"), &json!(null)), "{made}");
}
