//! Every curl line that `strongroom sign` writes does what it says, against the embedded store.

use crate::app::App;
use crate::caller::open;
use crate::files;
use crate::signing::Signing;

const FILES: &str = "[spaces.files]\n";

/// A name that a shell, curl and the S3 protocol could each misread.
const KEY: &str = "s3://strongroom/it's/a $(b) {c,d}[1-3] é;+%41&.png";

fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split_once(after).unwrap_or_else(|| panic!("no {after} in {text}")).0
}

#[test]
fn a_file_is_written_read_looked_at_and_deleted() {
    let app = App::start_embedded(FILES);
    let janitor = Signing::at(&app, "janitor");
    let name = "a {b} \"c\" it's;d.png";
    janitor.file(name, files::text(1, 70_000));
    let put = ["sign", "put", KEY, "--file", name, "--content-type", "image/png", "--header", "x-amz-meta-a: 'b' $c"];
    assert_eq!(janitor.curl(&put, b""), "");
    assert_eq!(janitor.curl(&["sign", "get", KEY], b"").as_bytes(), files::text(1, 70_000));
    let head = janitor.curl(&["sign", "head", KEY], b"").to_ascii_lowercase();
    for line in ["200 ok", "content-type: image/png", "content-length: 70000", "x-amz-meta-a: 'b' $c"] {
        assert!(head.contains(line), "no {line} in {head}");
    }
    let download = ["sign", "get", KEY, "--header", "Range: bytes=0-4", "--query", "response-content-type=text/x"];
    assert_eq!(janitor.curl(&download, b"").as_bytes(), &files::text(1, 5)[..]);
    assert_eq!(janitor.curl(&["sign", "delete", KEY], b""), "");
    assert!(janitor.curl(&["sign", "get", KEY], b"").contains("<Code>NoSuchKey</Code>"));
}

#[test]
fn what_was_announced_is_what_must_be_sent() {
    let app = App::start_embedded(FILES);
    let janitor = Signing::at(&app, "janitor");
    let put = ["sign", "put", "s3://strongroom/a.txt"];
    assert_eq!(janitor.curl(&put, b"from standard input"), "");
    assert_eq!(janitor.curl(&["sign", "get", "s3://strongroom/a.txt"], b""), "from standard input");
    let short = janitor.curl(&[&put[..], &["--content-length", "3"]].concat(), b"four");
    assert!(short.contains("<Code>SignatureDoesNotMatch</Code>"), "{short}");
    let digest = files::sha256(b"right");
    let digested = [&put[..], &["--sha256", &digest]].concat();
    assert!(janitor.curl(&digested, b"wrong").contains("<Code>BadDigest</Code>"));
    assert_eq!(janitor.curl(&digested, b"right"), "");
    assert_eq!(janitor.curl(&["sign", "get", "s3://strongroom/a.txt"], b""), "right");
}

#[test]
fn a_form_hands_a_file_in() {
    let app = App::start_embedded(FILES);
    let janitor = Signing::at(&app, "janitor");
    let name = "it's \"x\"; a,b.txt";
    janitor.file(name, "a file");
    let post = ["sign", "post", "s3://strongroom/inbox/${filename}", "--max-size", "10", "--success-status", "201"];
    let answer = janitor.curl(&[&post[..], &["--file", name, "--field", "x-amz-meta-a=@b;<c"]].concat(), b"");
    assert!(answer.contains("<PostResponse"), "{answer}");
    assert_eq!(janitor.curl(&["sign", "get", &format!("s3://strongroom/inbox/{name}")], b""), "a file");
    let exact = ["sign", "post", "s3://strongroom/inbox/b.txt", "--content-type", "text/plain", "--min-size", "3"];
    assert_eq!(janitor.curl(&exact, b"piped"), "");
    let head = janitor.curl(&["sign", "head", "s3://strongroom/inbox/b.txt"], b"").to_ascii_lowercase();
    assert!(head.contains("content-type: text/plain"), "{head}");
    assert!(janitor.curl(&exact, b"2b").contains("<Code>EntityTooSmall</Code>"));
    let large = janitor.curl(&post, b"more than ten bytes");
    assert!(large.contains("<Code>EntityTooLarge</Code>"), "{large}");
}

#[test]
fn the_html_of_a_form_has_all_that_the_store_asks_for() {
    let app = App::start_embedded(FILES);
    let janitor = Signing::at(&app, "janitor");
    let html = janitor.line(&["sign", "post", "s3://strongroom/é.txt", "--field", "x-amz-meta-a=<&>", "--html"]);
    let mut words = vec!["curl".to_owned()];
    for input in html.split("<input type=\"hidden\"").skip(1) {
        let value = between(input, "value=\"", "\"").replace("&#233;", "é").replace("&#60;", "<");
        let value = value.replace("&#62;", ">").replace("&#38;", "&");
        words.extend(["--form-string".to_owned(), format!("'{}={value}'", between(input, "name=\"", "\""))]);
    }
    words.extend(["-F".to_owned(), "file=@-".to_owned(), between(&html, "action=\"", "\"").to_owned()]);
    assert_eq!(janitor.shell(&words.join(" "), b"by a page"), "");
    assert_eq!(janitor.curl(&["sign", "get", "s3://strongroom/é.txt"], b""), "by a page");
}

#[test]
fn an_upload_in_parts_goes_from_beginning_to_end() {
    let app = App::start_embedded(FILES);
    let janitor = Signing::at(&app, "janitor");
    let bytes = files::text(7, 5 * 1024 * 1024 + 100);
    let (first, second) = bytes.split_at(5 * 1024 * 1024);
    janitor.file("first", first);
    let create = ["sign", "multipart", "create", KEY, "--content-type", "text/plain"];
    let begun = janitor.curl(&create, b"");
    let id = between(&begun, "<UploadId>", "</UploadId>");
    let part = ["sign", "multipart", "part", KEY, "--upload-id", id, "--number"];
    let etag = |answer: &str| {
        let line = answer.lines().find(|line| line.to_ascii_lowercase().starts_with("etag:"));
        line.unwrap_or_else(|| panic!("no ETag in {answer}"))["etag:".len()..].trim().to_owned()
    };
    let one = etag(&janitor.curl(&[&part[..], &["1", "--file", "first"]].concat(), b""));
    let two = etag(&janitor.curl(&[&part[..], &["2"]].concat(), second));
    let list = janitor.curl(&["sign", "multipart", "list", KEY, "--upload-id", id], b"");
    assert_eq!(list.matches("<Part>").count(), 2, "{list}");
    let complete = ["sign", "multipart", "complete", KEY, "--upload-id", id];
    let parts = [format!("2={two}"), format!("1={one}")];
    let answer = janitor.curl(&[&complete[..], &["--part", &parts[0], "--part", &parts[1]]].concat(), b"");
    assert!(answer.contains("<CompleteMultipartUploadResult"), "{answer}");
    assert!(janitor.curl(&["sign", "get", KEY], b"").as_bytes() == bytes, "what was put together differs");
    let begun = janitor.curl(&create, b"");
    let id = between(&begun, "<UploadId>", "</UploadId>");
    assert_eq!(janitor.curl(&["sign", "multipart", "abort", KEY, "--upload-id", id], b""), "");
    let list = janitor.curl(&["sign", "multipart", "list", KEY, "--upload-id", id], b"");
    assert!(list.contains("<Code>NoSuchUpload</Code>"), "{list}");
}

#[tokio::test]
async fn a_link_works_until_it_ends() {
    let app = App::start_embedded(FILES);
    let janitor = Signing::at(&app, "janitor");
    janitor.curl(&["sign", "put", "s3://strongroom/a.txt"], b"here");
    let reader = Signing::at(&app, "reader");
    let link = reader.line(&["sign", "get", "s3://strongroom/a.txt", "--expires", "1s"]);
    loop {
        let answer = open(&link).await;
        if answer.status == 403 {
            assert!(answer.text().contains("<Message>Request has expired</Message>"), "{}", answer.text());
            break;
        }
        assert_eq!((answer.status, answer.text().as_str()), (200, "here"));
    }
}
