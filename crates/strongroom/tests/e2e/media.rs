//! Sounds and videos pass through as they are, and tell how long and how large they are, whichever way they come.

use aws_sdk_s3::primitives::ByteStream;
use serde_json::json;

use crate::app::App;
use crate::bucket::sdk;
use crate::caller::{open, text};
use crate::files;
use crate::ways::{Way, handed, object};

/// A sound of 2.5 seconds.
fn wav() -> Vec<u8> {
    let samples = vec![128; 20_000];
    let head: [&[u8]; 4] = [
        b"RIFF\x44\x4E\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0",
        b"\x40\x1F\0\0\x40\x1F\0\0\x01\0\x08\0",
        b"data\x20\x4E\0\0",
        &samples,
    ];
    head.concat()
}

/// A film of 90.5 seconds that was taken upright, and tells so only behind more than what is looked at.
fn film() -> Vec<u8> {
    let number = |at: usize, number: u32, into: &mut [u8]| into[at..at + 4].copy_from_slice(&number.to_be_bytes());
    let of = |name: &str, content: &[u8]| {
        let size = u32::try_from(content.len() + 8).unwrap();
        [&size.to_be_bytes(), name.as_bytes(), content].concat()
    };
    let (mut movie, mut track) = (vec![0; 100], vec![0; 84]);
    number(12, 600, &mut movie);
    number(16, 54_300, &mut movie);
    // By a quarter to the right.
    number(44, 1 << 16, &mut track);
    number(52, u32::MAX << 16, &mut track);
    number(76, 1920 << 16, &mut track);
    number(80, 1080 << 16, &mut track);
    let media = of("mdia", &of("hdlr", b"\0\0\0\0\0\0\0\0vide\0\0\0\0"));
    let track = of("trak", &[of("tkhd", &track), media].concat());
    let movie = of("moov", &[of("mvhd", &movie), track].concat());
    [of("ftyp", b"isom\0\0\x02\0isommp41"), of("mdat", &vec![7; 3 << 20]), movie].concat()
}

#[tokio::test]
async fn a_sound_and_a_film_tell_how_long_and_how_large_they_are() {
    let app = App::start("[spaces.files]\n");
    let alice = app.user("alice");
    for way in Way::ALL {
        for (name, content_type, bytes, media) in [
            ("a.wav", "audio/x-wav", wav(), json!({ "duration_ms": 2500, "width": null, "height": null })),
            ("a.mp4", "video/mp4", film(), json!({ "duration_ms": 90_500, "width": 1080, "height": 1920 })),
            ("broken.mp4", "video/mp4", film()[..2 << 20].to_vec(), json!(null)),
            ("a.png", "image/png", files::png(1), json!(null)),
        ] {
            let made = object(&alice, way, &handed("files", name, content_type, &bytes)).await;
            assert_eq!(
                (&made["media"], text(&made["version"]["content_type"])),
                (&media, content_type),
                "{way:?} {name}"
            );
            let path = format!("/v1/objects/{}", text(&made["id"]));
            let seen = alice.get(&path).await.ok(200);
            assert_eq!(seen["media"], media, "{way:?} {name}");
            assert_eq!(open(text(&seen["link"]["url"])).await.body, bytes, "{way:?} {name}");
            let renamed = alice.patch(&path, &json!({ "name": "b" })).await.ok(200);
            assert_eq!(renamed["media"], media, "{way:?} {name}");
        }
    }
}

#[tokio::test]
async fn what_is_adopted_tells_it_too() {
    let app = App::start("[storage]\nlocation = \"media\"\n[spaces.files]\n");
    let put = sdk(&app, "janitor").put_object().bucket(app.bucket()).key("media/old.mp4").content_type("video/mp4");
    put.body(ByteStream::from(film())).send().await.unwrap();
    app.command(&["adopt", "files", "--prefix", "media/", "--owner", "alice"]);
    let adopted = app.user("alice").get("/v1/spaces/files/objects").await.ok(200)["items"][0].clone();
    assert_eq!(adopted["media"], json!({ "duration_ms": 90_500, "width": 1080, "height": 1920 }));
}
