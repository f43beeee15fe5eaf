//! AVIF and HEIC: what they are is told by their content, and they get variants like any other picture.

use serde_json::json;

use super::{SPACE, content, pixel, variants, worked_on};
use crate::app::App;
use crate::caller::text;
use crate::ways::{Way, handed, object};

const AVIF: &[u8] = include_bytes!("../../../../imaging/tests/samples/turned-6.avif");
const HEIC: &[u8] = include_bytes!("../../../../imaging/tests/samples/420.heic");
const PQ: &[u8] = include_bytes!("../../../../imaging/tests/samples/pq.avif");

#[tokio::test]
async fn what_phones_and_browsers_store_gets_variants() {
    let app = App::start(SPACE);
    let alice = app.user("alice");
    for (name, claimed, bytes, kind) in
        [("a.avif", "application/octet-stream", AVIF, "image/avif"), ("a.jpg", "image/jpeg", HEIC, "image/heic")]
    {
        let made = object(&alice, Way::Raw, &handed("photos", name, claimed, bytes)).await;
        let made = worked_on(&alice, &made["id"]).await;
        assert_eq!(made["version"]["content_type"], kind, "{made}");
        let picture = &made["picture"];
        assert_eq!(
            (&picture["state"], &picture["width"], &picture["height"]),
            (&json!("made"), &json!(96), &json!(64))
        );
        let thumb = content(variants(&made, "thumb")[0]).await;
        // Red, green, blue and white in the order of reading.
        assert_eq!(pixel(&thumb, (0, 0)).1, (32, 32));
        for ((x, y), wanted) in [((4, 4), [220, 30, 30]), ((28, 4), [30, 200, 40]), ((4, 28), [30, 40, 210])] {
            let (got, _) = pixel(&thumb, (x, y));
            assert!(
                got.iter().zip(wanted).all(|(got, wanted)| got.abs_diff(wanted) < 8),
                "{kind}: {got:?} at {x}, {y}"
            );
        }
        let kinds: Vec<_> = variants(&made, "display").iter().map(|variant| text(&variant["content_type"])).collect();
        assert!(kinds.contains(&"image/jpeg"), "{kinds:?}");
    }
}

#[tokio::test]
async fn a_kind_that_is_not_read_is_kept_and_says_why() {
    let app = App::start(SPACE);
    let alice = app.user("alice");
    let made = object(&alice, Way::Raw, &handed("photos", "a.avif", "image/avif", PQ)).await;
    let made = worked_on(&alice, &made["id"]).await;
    let picture = &made["picture"];
    let told = (&picture["state"], &picture["reason"]["code"]);
    assert_eq!(told, (&json!("refused"), &json!("picture-unsupported")), "{made}");
    assert_eq!(crate::caller::open(text(&made["link"]["url"])).await.body, PQ);
}

/// Two AVIFs, which lie with their owner.
const SHORT: &str = "[spaces.photos]\nread = [\"signed-in\"]\nvariant_key = \"made/{owner}/{id}/{variant}.{ext}\"\n\
    [[spaces.photos.variants]]\nname = \"short\"\nwidth = 48\nformat = \"avif\"\n\
    [[spaces.photos.variants]]\nname = \"same\"\nformat = \"same\"\n\
    [[spaces.photos.variants]]\nname = \"wide\"\nwidth = 8192\nheight = 8192\nformat = \"avif\"\n\
    [[spaces.photos.variants]]\nname = \"look\"\nformat = \"png\"\n";

#[tokio::test]
async fn avifs_are_made_and_lie_where_the_space_says() {
    let app = App::start(SHORT);
    let alice = app.user("alice");
    let mut bytes = AVIF.to_vec();
    for width in [96, 48] {
        let made = object(&alice, Way::Raw, &handed("photos", "a", "application/octet-stream", &bytes)).await;
        let made = worked_on(&alice, &made["id"]).await;
        // What counts is how large a result is, and not how large it may be.
        for name in ["short", "same", "wide"] {
            let [variant] = variants(&made, name)[..] else { panic!("{made}") };
            assert_eq!(variant["content_type"], "image/avif", "{made}");
            let folder = format!("made/alice/{}/{name}-", text(&made["id"]));
            assert!(text(&variant["url"]).contains(&folder), "{variant}");
        }
        // What was made is handed in next.
        bytes = content(variants(&made, "short")[0]).await;
        assert_eq!(&bytes[4..12], b"ftypavif");
        let look = content(variants(&made, "look")[0]).await;
        let (got, size) = pixel(&look, (4, 4));
        assert_eq!(size, (width, width * 2 / 3));
        assert!(got.iter().zip([220, 30, 30]).all(|(got, wanted)| got.abs_diff(wanted) < 12), "{width}: {got:?}");
    }
}
