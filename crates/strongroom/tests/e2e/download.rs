//! Downloads: a link that saves the content under the name that people gave it, whatever is in that name.

use serde_json::json;

use crate::app::App;
use crate::caller::{open, text};
use crate::files;
use crate::ways::{Way, handed, object};

const FILES: &str = "[spaces.files]\n";

#[tokio::test]
async fn a_download_is_a_link_with_the_name_of_the_file() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let object = object(&alice, Way::Put, &handed("files", "fabric.png", "image/png", &files::png(1))).await;
    let path = format!("/v1/objects/{}/download", text(&object["id"]));
    let download = alice.get(&path).await.ok(200);
    assert_eq!(download["filename"], "fabric.png");
    assert!(text(&download["expires_at"]).parse::<jiff::Timestamp>().is_ok());
    let served = open(text(&download["download_url"])).await;
    assert_eq!(served.header("content-disposition"), "attachment; filename=\"fabric.png\"");
    assert_eq!(served.header("content-type"), "image/png");
    assert_eq!(served.body, files::png(1));

    let redirect = alice.get(&format!("{path}?redirect=1")).await;
    assert_eq!(redirect.status, 302);
    let served = open(redirect.header("location")).await;
    assert_eq!(served.body, files::png(1));
    assert!(served.header("content-disposition").starts_with("attachment"));
}

#[tokio::test]
async fn no_name_breaks_out_of_the_header() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let bytes = files::png(1);
    let object = object(&alice, Way::Raw, &handed("files", "a.png", "image/png", &bytes)).await;
    let path = format!("/v1/objects/{}", text(&object["id"]));
    for name in [
        "naïve – 照片 📷.png",
        "a\"; filename=\"evil.exe",
        "../../../etc/passwd",
        "C:\\Windows\\evil.png",
        "it's (1) *.png",
        "100%25.png",
        "\u{202e}gnp.exe",
        "a;b,c=d.png",
        " leading and trailing ",
        &"é".repeat(500),
    ] {
        alice.patch(&path, &json!({ "name": name })).await.ok(200);
        let download = alice.get(&format!("{path}/download")).await.ok(200);
        let served = open(text(&download["download_url"])).await;
        assert_eq!(served.status, 200, "{name:?}: {}", served.text());
        let header = served.header("content-disposition");
        assert!(header.starts_with("attachment; filename=\""), "{name:?}: {header}");
        let (ascii, rest) = header["attachment; filename=\"".len()..].split_once('"').unwrap();
        assert!(!ascii.contains(['/', '\\', '%', '\r', '\n']), "{name:?}: {header}");
        assert!(rest.is_empty() || rest.starts_with("; filename*=UTF-8''"), "{name:?}: {header}");
        let extended = rest.strip_prefix("; filename*=UTF-8''").unwrap_or_default();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~%".contains(&byte);
        assert!(extended.bytes().all(allowed), "{name:?}: {header}");
        assert_eq!(served.body, bytes);
    }
}
