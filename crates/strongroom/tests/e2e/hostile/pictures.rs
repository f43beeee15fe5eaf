//! Pictures that mean harm: each is refused by name, and the same process makes the next good one.

use serde_json::{Value, json};

use self::pieces::{chunk, claiming_jpeg, deflated, gif, jpeg, moving_webp, passes, png, riff, segment, webp};
use super::documented;
use crate::app::App;
use crate::caller::{Caller, open, text};
use crate::files;
use crate::pictures::worked_on;
use crate::ways::{Way, handed, object};

#[path = "../../../../imaging/tests/hostile/pieces.rs"]
mod pieces;

const SPACE: &str = "[spaces.photos]\nread = [\"signed-in\"]\n\
    [[spaces.photos.variants]]\nname = \"look\"\nwidth = 40\nheight = 40\nformat = \"png\"\n\
    [processing]\nmemory = \"256 MiB\"\nthreads = 2\n";

/// No more than pictures may take, with everything else that the service takes.
const MEMORY: u64 = 256;

/// Hands a picture in and waits until it was worked on.
pub(super) async fn picture(caller: &Caller, kind: &str, bytes: &[u8]) -> Value {
    let made = object(caller, Way::Raw, &handed("photos", "a", kind, bytes)).await;
    worked_on(caller, &made["id"]).await
}

/// A good picture is made into its variants.
pub(super) async fn good(caller: &Caller) {
    let made = picture(caller, "image/jpeg", &files::photograph((300, 200), 1)).await;
    assert_eq!(made["picture"]["state"], "made", "{made}");
    assert!(!look(&made).await.is_empty());
}

/// The variant that every picture has.
pub(super) async fn look(made: &Value) -> Vec<u8> {
    open(text(&made["picture"]["variants"][0]["url"])).await.body
}

/// More pixels than are taken, as many as are taken with more memory than there is, frames, passes, and what is not there.
fn bombs() -> Vec<(&'static str, &'static str, Vec<Vec<u8>>)> {
    let mut canvas = gif(b"", 1);
    canvas[6..10].fill(0xFF);
    let lossless = [b"WEBP", &riff(*b"VP8L", b"\x2F\xFF\xFF\xFF\x1F\0\0\0\0\0")[..]].concat();
    let lossless = [&b"RIFF"[..], &u32::try_from(lossless.len()).unwrap().to_le_bytes(), &lossless].concat();
    let head = [&[0; 4][..], &[0, 0, 0, 1, 0, 0, 0, 1], &[0; 14]].concat();
    let frames = [chunk(*b"acTL", &[0, 1, 0x86, 0xA0, 0, 0, 0, 0]), chunk(*b"fcTL", &head).repeat(100_000)].concat();
    let photograph = files::photograph((300, 200), 1);
    vec![
        (
            "a picture of two thousand million pixels in two hundred bytes",
            "picture-too-many-pixels",
            vec![
                png(26_000, 26_000, 6, b"", 100, b""),
                png(u32::MAX >> 1, u32::MAX >> 1, 6, b"", 100, b""),
                canvas,
                lossless,
            ],
        ),
        (
            "a picture that takes more memory than there is",
            "picture-too-much-memory",
            vec![png(10_000, 10_000, 6, b"", 100, b"")],
        ),
        (
            "an animation of a hundred thousand frames",
            "picture-too-many-frames",
            vec![gif(b"", 200_000), moving_webp(100_000), png(1, 1, 2, &frames, 4, b"")],
        ),
        ("a JPEG of a hundred thousand passes", "picture-too-many-scans", vec![passes(100_000)]),
        (
            "a picture that claims gigabytes and ends after its head, or in the middle",
            "picture-truncated",
            vec![claiming_jpeg(9_000, 9_000, false), photograph[..photograph.len() / 2].to_vec()],
        ),
        (
            "a picture a hundred million pixels wide and one high",
            "picture-unsupported",
            vec![png(100_000_000, 1, 0, b"", 100, b"")],
        ),
    ]
}

#[tokio::test]
async fn a_picture_that_means_harm_is_refused_and_the_next_one_is_made() {
    let app = App::start(SPACE);
    let alice = app.user("alice");
    good(&alice).await;
    for (input, code, files) in bombs() {
        for bytes in files {
            let made = picture(&alice, "application/octet-stream", &bytes).await;
            let picture = &made["picture"];
            assert_eq!((&picture["state"], &picture["reason"]["code"]), (&json!("refused"), &json!(code)), "{input}");
            documented(input, &format!("`{code}`"));
        }
        good(&alice).await;
    }
    // A gigabyte of zeroes for a profile, for a text and behind the only pixel, and profiles that are none.
    let zeroes = deflated(1 << 30);
    let packed = |kind: [u8; 4], name: &[u8]| chunk(kind, &[name, &zeroes[..]].concat());
    for bytes in [
        png(4, 4, 2, &packed(*b"iCCP", b"icc\0\0"), 52, b""),
        png(4, 4, 2, &packed(*b"zTXt", b"Comment\0\0"), 52, b""),
        jpeg(&segment(0xE2, &[&b"ICC_PROFILE\0\x01\x01"[..], &vec![0xFF; 60_000]].concat()).repeat(255)),
        webp(0x20, &riff(*b"ICCP", &vec![0xFF; 4 << 20]), b""),
    ] {
        let made = picture(&alice, "application/octet-stream", &bytes).await;
        assert_eq!(made["picture"]["state"], "made", "{made}");
    }
    documented("a picture whose profile, text or rest unpacks to gigabytes", "made into its variants without them");
    assert_eq!(app.anonymous().get("/readyz").await.status, 200);
    let peak = app.peak_mib();
    assert!(peak < MEMORY, "the service took {peak} MiB");
}
