//! Names, tags, groups, metadata and subjects that somebody chose to do harm.

use serde_json::{Value, json};

use super::{documented, refusal};
use crate::app::App;
use crate::caller::{open, send, text};
use crate::files;
use crate::ways::{Handed, Way, begin, encoded, form, hand_in, handed, object, raw};

const FILES: &str = "[spaces.files]\nkey = \"files/{owner}/{group}/{id}.{ext}\"\n";

/// Text that means something to somebody: a shell, a database, a browser, a terminal, a file system, a font.
const NAUGHTY: &[&str] = &[
    "../../../../etc/passwd",
    "..\\..\\windows\\system32\\config\\sam",
    "/etc/shadow",
    "C:/autoexec.bat",
    "file:///etc/passwd",
    "CON",
    "NUL.txt",
    ".",
    "..",
    "...",
    "~root",
    "a/b/c.png",
    "a//b",
    "%00",
    "%2e%2e%2f",
    "%252e%252e%252f",
    "..%c0%af..",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "'; DROP TABLE objects; --",
    "\" OR \"\"=\"",
    "1' AND SLEEP(5) --",
    "$(reboot)",
    "`reboot`",
    "${jndi:ldap://127.0.0.1/a}",
    "{{7*7}}",
    "{owner}/{id}",
    "%s%s%s%n",
    "=cmd|' /C calc'!A0",
    "null",
    "undefined",
    "true",
    "0",
    "-1",
    "1e400",
    "NaN",
    "0x7fffffff",
    " ",
    "   leading and trailing   ",
    "*",
    "?",
    "a;b=c",
    "a\"b",
    "a'b",
    "a\\b",
    "a,b",
    "Ωmega ≈ ∞",
    "日本語のファイル名.png",
    "ﷺ",
    "👩‍👩‍👧‍👦 and 🏳️‍🌈",
    "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
    "\u{202e}gnp.exe",
    "\u{2066}hidden\u{2069}",
    "\u{feff}marked",
    "zero\u{200b}width",
    "ﬁle.ﬀ",
    "İıſK",
    "\u{fffd}\u{fffe}\u{ffff}",
    "𝕿𝖍𝖊 𝖋𝖑𝖔𝖔𝖗",
    "X-Amz-Signature=abc",
    "response-content-type=text/html",
];

#[tokio::test]
async fn naughty_words_come_back_as_they_went_in_and_do_nothing_else() {
    let app = App::start(FILES);
    let bytes = files::png(1);
    for (number, word) in (0..).zip(NAUGHTY) {
        let way = Way::ALL[number % Way::ALL.len()];
        // A comma divides tags in a query and in a form, so only the JSON of a direct upload can hold one.
        let tag = if word.contains(',') && matches!(way, Way::Raw | Way::Form) { "tag" } else { word.trim() };
        let tag = if tag.is_empty() { "tag" } else { tag };
        let more = json!({ "group": word, "tags": [tag], "metadata": { *word: { "inner": word } } });
        let alice = app.user(word);
        let file = Handed { more, ..handed("files", word, "image/png", &bytes) };
        let made = object(&alice, way, &file).await;
        assert_eq!(made["name"], *word, "{way:?}");
        assert_eq!(made["owner"], *word, "{way:?}");
        assert_eq!(made["group"], *word, "{way:?}");
        assert_eq!(made["tags"], json!([tag]), "{way:?}");
        assert_eq!(made["metadata"], json!({ *word: { "inner": word } }), "{way:?}");
        assert_eq!(text(&made["version"]["key"]).split('/').count(), 4, "{made}");
        assert_eq!(open(text(&made["link"]["url"])).await.body, bytes, "{word}");
        let download = alice.get(&format!("/v1/objects/{}/download", text(&made["id"]))).await.ok(200);
        assert_eq!(open(text(&download["download_url"])).await.body, bytes, "{word}");
        for filter in ["prefix", "group", "owner"] {
            let list = alice.get(&format!("/v1/spaces/files/objects?{filter}={}", encoded(word))).await.ok(200);
            assert_eq!(list["items"].as_array().unwrap().len(), 1, "{filter} {word}");
        }
        let list = alice.get(&format!("/v1/spaces/files/objects?tag={}", encoded(tag))).await.ok(200);
        assert_eq!(list["items"].as_array().unwrap().len(), 1, "{tag}");
    }
    documented(
        "markup, scripts, SQL, shell, paths, bidirectional and combining characters in a name, group, tag, owner or metadata",
        "taken as text and given back unchanged; the key holds an encoded form of it",
    );
}

#[tokio::test]
async fn control_characters_and_endless_words_are_refused_in_every_field() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let bytes = files::png(1);
    for word in ["a\u{0}b", "a\r\nset-cookie: x=y", "a\nb", "a\u{1b}[31m", "a\u{7f}b", "a\u{85}b", &"x".repeat(2000)] {
        for field in ["name", "group", "tags"] {
            let name = if field == "name" { word } else { "a.png" };
            let more = match field {
                "group" => json!({ "group": word }),
                "tags" => json!({ "tags": [word] }),
                _ => json!({}),
            };
            let file = Handed { more, ..handed("files", name, "image/png", &bytes) };
            for way in [Way::Raw, Way::Form, Way::Put] {
                let refused = hand_in(&alice, way, &file).await;
                assert_eq!(refusal(&refused), "422 `validation-failed`", "{way:?} {field} {word:?}");
            }
        }
    }
    documented("a control character (NUL, line break, escape) in a name, group or tag", "422 `validation-failed`");
    documented("a name of more than 1,024 bytes, a group or tag of more than 255", "422 `validation-failed`");
}

#[tokio::test]
async fn metadata_has_bounds_in_size_depth_and_kind() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let bytes = files::png(1);
    let file = |more: Value| Handed { more, ..handed("files", "a.png", "image/png", &bytes) };
    let large = json!({ "metadata": { "k": "v".repeat(20_000) } });
    for way in [Way::Raw, Way::Form, Way::Put] {
        assert_eq!(refusal(&hand_in(&alice, way, &file(large.clone())).await), "422 `validation-failed`", "{way:?}");
    }
    documented("metadata of more than 16 KiB", "422 `validation-failed`");

    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let body =
        format!("{{\"method\":\"put\",\"name\":\"a\",\"content_type\":\"image/png\",\"bytes\":1,\"metadata\":{deep}}}");
    let request = alice.request(reqwest::Method::POST, "/v1/spaces/files/uploads");
    let refused = send(request.header("content-type", "application/json").body(body)).await;
    assert_eq!(refusal(&refused), "400 `bad-request`");
    documented("JSON nested ten thousand levels deep", "400 `bad-request`");

    for wrong in ["[]", "7", "\"text\"", "null", "{", "{\"a\":1}x"] {
        let request = alice
            .request(reqwest::Method::POST, &format!("/v1/spaces/files/objects?name=a&metadata={}", encoded(wrong)))
            .header("content-type", "image/png")
            .body(bytes.clone());
        let refused = send(request).await;
        assert_eq!(refusal(&refused), "422 `validation-failed`", "{wrong}");
    }
    documented("metadata that is not a JSON object", "422 `validation-failed`");

    let many: Vec<String> = (0..101).map(|number| format!("tag-{number}")).collect();
    assert_eq!(refusal(&hand_in(&alice, Way::Put, &file(json!({ "tags": many }))).await), "422 `validation-failed`");
    documented("more than 100 tags", "422 `validation-failed`");
}

#[tokio::test]
async fn content_types_cannot_carry_headers_or_nonsense() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let bytes = files::png(1);
    for content_type in
        ["image/png\r\nx-evil: 1", "image", "/", "image/", "image/p ng", "image/png, text/html", "*/*", ""]
    {
        let refused = begin(&alice, Way::Put, &handed("files", "a.png", content_type, &bytes)).await;
        assert_eq!(refusal(&refused), "422 `validation-failed`", "{content_type:?}");
    }
    documented("a content type with line breaks, or that is none", "422 `validation-failed`");
    for content_type in ["text/html", "image/svg+xml", "application/xhtml+xml", "text/javascript"] {
        let refused = begin(&alice, Way::Put, &handed("files", "a.png", content_type, &bytes)).await;
        assert_eq!(refusal(&refused), "415 `type-not-accepted`", "{content_type}");
    }
    documented("HTML, SVG or a script where the space does not name that type", "415 `type-not-accepted`");
}

#[tokio::test]
async fn pages_in_disguise_are_seen_through() {
    let app = App::start("[spaces.files]\naccept = [\"image/*\", \"text/plain\"]\n");
    let alice = app.user("alice");
    let disguises: [Vec<u8>; 8] = [
        b"<html>".to_vec(),
        b"\n\n   <!-- a comment --> <script>alert(1)</script>".to_vec(),
        b"\xef\xbb\xbf<!DOCTYPE html>".to_vec(),
        b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(),
        b"<SVG onload=alert(1)>".to_vec(),
        "\u{feff}<html>".encode_utf16().flat_map(u16::to_le_bytes).collect(),
        b"<!DOCTYPE svg PUBLIC 'x' 'y'><svg/>".to_vec(),
        b"<iframe src=javascript:alert(1)>".to_vec(),
    ];
    for bytes in &disguises {
        for content_type in ["image/png", "text/plain"] {
            for way in [Way::Raw, Way::Put] {
                let refused = hand_in(&alice, way, &handed("files", "cat.png", content_type, bytes)).await;
                let told = String::from_utf8_lossy(bytes).into_owned();
                assert_eq!(refusal(&refused), "415 `type-not-accepted`", "{way:?} {content_type} {told:?}");
            }
        }
    }
    documented("HTML or SVG announced as a picture or as plain text", "415 `type-not-accepted`");
    // Bytes that are a picture and a page at once are served as the picture, and never sniffed.
    let mut both = files::png(1);
    both.extend(files::html());
    let made = object(&alice, Way::Put, &handed("files", "both.png", "image/png", &both)).await;
    let served = open(text(&made["link"]["url"])).await;
    assert_eq!(served.header("content-type"), "image/png");
    documented("a file that is a picture and a page at once", "taken and served as the picture that it is");
}

#[tokio::test]
async fn forms_that_are_none_are_refused() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let bytes = files::png(1);
    let post = |content_type: &str, body: Vec<u8>| {
        let request = alice.request(reqwest::Method::POST, "/v1/spaces/files/objects");
        send(request.header("content-type", content_type).body(body))
    };
    let boundary = "multipart/form-data; boundary=b";
    let part =
        |name: &str, value: &str| format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    for (body, answer) in [
        (Vec::new(), "400 `bad-request`"),
        (b"--b--\r\n".to_vec(), "422 `validation-failed`"),
        (b"nonsense".to_vec(), "400 `bad-request`"),
        ((part("name", "a.png") + "--b--\r\n").into_bytes(), "422 `validation-failed`"),
        ((part("unknown", "x") + "--b--\r\n").into_bytes(), "422 `validation-failed`"),
        ((part("name", &"x".repeat(100_000)) + "--b--\r\n").into_bytes(), "400 `bad-request`"),
        (part("name", "a.png").into_bytes(), "400 `bad-request`"),
    ] {
        let refused = post(boundary, body.clone()).await;
        assert_eq!(refusal(&refused), answer, "{:?}", String::from_utf8_lossy(&body[..body.len().min(200)]));
    }
    documented("a form without a file, or with a field that is not known", "422 `validation-failed`");
    documented("a form that breaks off, is none, or has a field of more than 64 KiB", "400 `bad-request`");

    let mut late = crate::ways::form_body(&[], "image/png", &bytes);
    late.truncate(late.len() - "--\r\n".len());
    late.extend(b"\r\ncontent-disposition: form-data; name=\"owner\"\r\n\r\nroot\r\n------boundary-of-the-end-to-end-tests--\r\n");
    let refused = post("multipart/form-data; boundary=----boundary-of-the-end-to-end-tests", late).await;
    assert!((400..500).contains(&refused.status), "{}", refused.text());
    documented("a form with fields behind its file", &refusal(&refused));
    let list = alice.get("/v1/spaces/files/objects").await.ok(200);
    assert_eq!(list["items"], json!([]));
    // The same requests in order are fine, so nothing above was refused for another reason.
    send(form(&alice, &handed("files", "a.png", "image/png", &bytes))).await.ok(201);
    send(raw(&alice, &handed("files", "a.png", "image/png", &bytes))).await.ok(201);
}
