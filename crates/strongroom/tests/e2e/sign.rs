//! `strongroom sign`: what it prints is the library's own signature, whatever form it is printed in.

mod curl;
mod documented;
mod places;

use strongroom_presign::{CloudFrontPolicy, CloudFrontSigner, Credentials, Endpoint, Request, Signer, Validity};

use crate::caller::text;
use crate::signing::{SECRET, Signing};

const KEY: &str = include_str!("../../../presign/tests/cloudfront_keys/p256.pem");

fn library() -> Signer {
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", SECRET).unwrap();
    Signer::new(credentials, Endpoint::aws("eu-central-1").unwrap(), "photos").unwrap()
}

fn parameter(url: &str, name: &str) -> String {
    let (_, after) = url.split_once(&format!("{name}=")).unwrap_or_else(|| panic!("no {name} in {url}"));
    after.split('&').next().unwrap().to_owned()
}

/// When a URL was signed and for how long, as it says itself.
fn validity(url: &str) -> Validity {
    let date = parameter(url, "X-Amz-Date");
    let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", &date).unwrap();
    let at = at.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_second();
    Validity::new(at, parameter(url, "X-Amz-Expires").parse().unwrap()).unwrap()
}

#[test]
fn each_url_is_the_one_that_the_library_signs() {
    let signing = Signing::example();
    signing.file("cat.jpg", "miaow");
    let digest = "1b9afa4e9b5bb5a6dc8dbc8a9ec1ea3b1e1f08b47d1ba7d3a5ab1d7e0b4f8d4c";
    let in_base64 = "G5r6TptbtabcjbyKnsHqOx4fCLR9G6fTpasdfgtPjUw=";
    for (words, request) in [
        ("get s3://photos/ä//b.jpg", Request::get("ä//b.jpg")),
        ("head s3://photos/a.jpg?versionId=7", Request::head("a.jpg").query("versionId", "7")),
        (
            "get s3://photos/a.jpg --expires 7d --query response-content-type=text/plain --header Range:bytes=0-9",
            Request::get("a.jpg").query("response-content-type", "text/plain").header("range", "bytes=0-9"),
        ),
        (
            "put s3://photos/a.jpg --content-type image/png --content-length 9",
            Request::put("a.jpg").header("content-type", "image/png").header("content-length", "9"),
        ),
        (
            &format!("put s3://photos/a.jpg --sha256 {digest}"),
            Request::put("a.jpg").header("x-amz-checksum-sha256", in_base64),
        ),
        ("delete s3://photos/a.jpg", Request::delete("a.jpg")),
        ("multipart create s3://photos/a.jpg", Request::create_multipart("a.jpg")),
        (
            "multipart part s3://photos/a.jpg --upload-id u --number 3 --file cat.jpg",
            Request::upload_part("a.jpg", "u", 3).header("content-length", "5"),
        ),
        ("multipart list s3://photos/a.jpg --upload-id u", Request::list_parts("a.jpg", "u")),
        ("multipart complete s3://photos/a.jpg --upload-id u", Request::complete_multipart("a.jpg", "u")),
        ("multipart abort s3://photos/a.jpg --upload-id u", Request::abort_multipart("a.jpg", "u")),
    ] {
        let words: Vec<&str> = ["sign"].into_iter().chain(words.split(' ')).collect();
        let url = signing.line(&words);
        assert_eq!(url, library().presign(&request, validity(&url)).unwrap(), "{words:?}");
    }
}

#[test]
fn old_signatures_are_made_when_asked_for() {
    let signing = Signing::example().and("AWS_ENDPOINT_URL", "http://old.example.org");
    let before = crate::tokens::now();
    let url = signing.line(&["sign", "get", "s3://photos/a.jpg", "--v2", "--expires", "1h"]);
    let expires: i64 = parameter(&url, "Expires").parse().unwrap();
    assert!((before + 3_600..=crate::tokens::now() + 3_600).contains(&expires));
    let endpoint = Endpoint::custom("http://old.example.org", "us-east-1").unwrap();
    let signer = Signer::new(Credentials::new("AKIAIOSFODNN7EXAMPLE", SECRET).unwrap(), endpoint, "photos").unwrap();
    let validity = Validity::new(expires - 3_600, 3_600).unwrap();
    assert_eq!(url, signer.presign_v2(&Request::get("a.jpg"), validity).unwrap());
}

#[test]
fn a_link_lives_as_long_as_was_asked_and_the_same_within_a_window() {
    let signing = Signing::example();
    let json = signing.json(&["sign", "get", "s3://photos/a.jpg", "--json"]);
    assert_eq!(json["expires_in"], 300);
    let words = ["sign", "get", "s3://photos/a.jpg", "--json", "--window", "1h", "--expires", "10m"];
    let json = signing.json(&words);
    assert_eq!(json["expires_in"], 4_200);
    let signed_at: jiff::Timestamp = text(&json["signed_at"]).parse().unwrap();
    assert_eq!(signed_at.as_second() % 3_600, 0);
    assert_eq!(validity(text(&json["url"])).signed_at(), signed_at.as_second());
    // Temporary credentials that end first are not promised beyond.
    let end = jiff::Timestamp::from_second(crate::tokens::now() + 600).unwrap().to_string();
    let short = signing.and("AWS_SESSION_TOKEN", "token").and("AWS_CREDENTIAL_EXPIRATION", &end);
    let url = short.line(&["sign", "get", "s3://photos/a.jpg"]);
    assert_eq!(parameter(&url, "X-Amz-Security-Token"), "token");
    let said = short.run(&["sign", "get", "s3://photos/a.jpg", "--expires", "1h"]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    assert!(said.err.contains(&format!("credentials end at {end}")), "{}", said.err);
}

#[test]
fn what_must_be_sent_is_said_in_every_form() {
    let signing = Signing::example();
    let words = ["sign", "put", "s3://photos/it's.jpg", "--header", "X-Amz-Meta-A: 1 2", "--content-type", "image/png"];
    let plain = signing.run(&words);
    assert!(plain.out.starts_with("https://photos.s3.eu-central-1.amazonaws.com/it%27s.jpg?"), "{}", plain.out);
    assert!(plain.err.contains("content-type: image/png") && plain.err.contains("X-Amz-Meta-A: 1 2"), "{}", plain.err);
    let json = signing.json(&[&words[..], &["--json"]].concat());
    assert_eq!(json["headers"], serde_json::json!({"content-type": "image/png", "x-amz-meta-a": "1 2"}));
    assert_eq!((text(&json["method"]), text(&json["bucket"]), text(&json["key"])), ("PUT", "photos", "it's.jpg"));
    assert_eq!((text(&json["region"]), text(&json["access_key_id"])), ("eu-central-1", "AKIAIOSFODNN7EXAMPLE"));
    let curl = signing.line(&[&words[..], &["--curl"]].concat());
    assert!(curl.contains("--request PUT") && curl.contains("'X-Amz-Meta-A: 1 2'"), "{curl}");
    let parts = ["multipart", "complete", "s3://photos/a", "--upload-id", "u", "--part", "2=b", "--part", "1=a"];
    let json = signing.json(&[&["sign"], &parts[..], &["--json"]].concat());
    assert!(text(&json["body"]).starts_with("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"), "{json}");
}

#[test]
fn a_form_is_printed_as_fields_as_json_and_as_html() {
    let signing = Signing::example();
    let words = [
        "sign",
        "post",
        "s3://photos/inbox/${filename}",
        "--max-size",
        "1MiB",
        "--starts-with",
        "Content-Type=image/",
        "--field",
        "x-amz-meta-from=<form>",
        "--success-status",
        "201",
    ];
    let json = signing.json(&[&words[..], &["--json"]].concat());
    assert_eq!(json["url"], "https://photos.s3.eu-central-1.amazonaws.com/");
    let fields = json["fields"].as_object().unwrap();
    assert_eq!(fields["key"], "inbox/${filename}");
    assert_eq!(fields["success_action_status"], "201");
    let policy = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text(&fields["policy"])).unwrap();
    let policy: serde_json::Value = serde_json::from_slice(&policy).unwrap();
    assert_eq!(policy["expiration"], json["expires_at"]);
    let conditions = policy["conditions"].as_array().unwrap();
    for condition in [
        serde_json::json!(["starts-with", "$key", "inbox/"]),
        serde_json::json!(["content-length-range", 0, 1_048_576]),
        serde_json::json!(["starts-with", "$Content-Type", "image/"]),
        serde_json::json!({"x-amz-meta-from": "<form>"}),
        serde_json::json!({"bucket": "photos"}),
    ] {
        assert!(conditions.contains(&condition), "{condition} is not in {policy}");
    }
    let plain = signing.line(&words);
    assert!(plain.starts_with("https://photos.s3.eu-central-1.amazonaws.com/\nkey=inbox/${filename}\n"), "{plain}");
    let html = signing.line(&[&words[..], &["--html"]].concat());
    assert!(html.contains("enctype=\"multipart/form-data\"") && html.contains("value=\"&#60;form&#62;\""), "{html}");
    assert!(html.contains("<label>Content-Type <input name=\"Content-Type\" value=\"image/\" required>"), "{html}");
    for name in fields.keys() {
        assert!(html.contains(&format!("name=\"{name}\"")), "{name} is not in {html}");
    }
}

#[test]
fn cloudfront_is_signed_with_its_own_key() {
    let signing = Signing::with(&[]);
    signing.file("key.pem", KEY);
    let signer = CloudFrontSigner::new("K2JCJMDEHXQW5F", KEY).unwrap();
    let url = "https://d111111abcdef8.cloudfront.net/a.jpg?x=1";
    let words = ["sign", "cloudfront", url, "--key-pair-id", "K2JCJMDEHXQW5F", "--key", "key.pem", "--expires", "30d"];
    let link = signing.line(&words);
    let expires: i64 = parameter(&link, "Expires").parse().unwrap();
    assert_eq!(link, signer.url(url, expires).unwrap());
    let wide = ["--resource", "https://d111111abcdef8.cloudfront.net/*", "--ip", "192.0.2.0/24", "--sha256", "--json"];
    let json = signing.json(&[&words[..], &wide].concat());
    let at: jiff::Timestamp = text(&json["expires_at"]).parse().unwrap();
    let policy = CloudFrontPolicy::new("https://d111111abcdef8.cloudfront.net/*", at.as_second()).unwrap();
    let policy = policy.for_ip("192.0.2.0/24").unwrap();
    assert_eq!(json["url"], signer.clone().with_sha256().url_with(url, &policy).unwrap());
    let cookies = signing.line(&[&words[..], &["--cookies"]].concat());
    assert!(cookies.starts_with("CloudFront-") && cookies.lines().count() == 3, "{cookies}");
    let curl = signing.line(&[&words[..], &["--cookies", "--curl"]].concat());
    assert!(curl.starts_with("curl --cookie 'CloudFront-"), "{curl}");
    for no_url in ["-K.curlrc", "media.example.org/a.jpg", "https:///a.jpg", "https://media.example.org/a b"] {
        let key = ["--key-pair-id", "K2JCJMDEHXQW5F", "--key", "key.pem", "--resource", "https://media.example.org/*"];
        let said = signing.run(&[&["sign", "cloudfront"], &key[..], &["--cookies", "--curl", "--", no_url]].concat());
        assert!(said.out.is_empty() && said.err.contains("https://media.example.org/a.jpg"), "{said:?}");
    }
}

#[test]
fn every_refusal_names_what_is_wrong_and_the_mend() {
    let signing = Signing::example();
    signing.file("empty.pem", "");
    let cloudfront = ["cloudfront", "https://d/a", "--key-pair-id", "K"];
    for (words, expected) in [
        (&["get", "s3://photos/a/../b"][..], &["`.` or `..` segment"][..]),
        (&["get", "s3://photos"], &["no object", "s3://photos/KEY"]),
        (&["get", "a.jpg"], &["no bucket", "--bucket"]),
        (&["get", "s3://photos/a", "--bucket", "other"], &["`photos`", "`other`"]),
        (&["get", "ftp://photos/a"], &["ftp", "s3://BUCKET/KEY"]),
        (&["get", "https://media.example.org/a"], &["media.example.org", "--endpoint"]),
        (&["get", "s3://a/b"], &["bucket name"]),
        (&["get", "s3://photos/a", "--endpoint", "media.example.org"], &["http://", "https://s3.example.com"]),
        (&["get", "s3://photos/a", "--expires", "8d"], &["7 days"]),
        (&["get", "s3://photos/a", "--expires", "0"], &["15m"]),
        (&["get", "s3://photos/a", "--expires", "1500ms"], &["whole seconds"]),
        (&["get", "s3://photos/a", "--expires", "15"], &["unit is missing"]),
        (&["get", "s3://photos/a", "--header", "nothing"], &["'Name: value'"]),
        (&["get", "s3://photos/a", "--header", "a: b", "--header", "A: c"], &["set twice"]),
        (&["get", "s3://photos/a", "--header", "Host: b"], &["host"]),
        (&["get", "s3://photos/a", "--query", "x"], &["name=value"]),
        (&["get", "s3://photos/a", "--query", "X-Amz-Date=x"], &["X-Amz-Date"]),
        (&["get", "s3://photos/a?versionId=1", "--query", "versionId=2"], &["`versionId` is given twice"]),
        (&["get", "s3://photos/a", "--profile", "dance"], &["dance", ".aws/config"]),
        (&["put", "s3://photos/a?versionId=1"], &["version"]),
        (&["put", "s3://photos/a", "--sha256", "12"], &["64 hex digits"]),
        (&["put", "s3://photos/a", "--file", "missing"], &["missing"]),
        (&["put", "s3://photos/a", "--file", "/"], &["no file"]),
        (&["put", "s3://photos/a", "--v2", "--content-length", "1"], &["content-length"]),
        (&["post", "s3://photos/${filename}/a"], &["${filename}", "end"]),
        (&["post", "s3://photos/a", "--min-size", "2", "--max-size", "1"], &["--min-size"]),
        (&["post", "s3://photos/a", "--field", "key=b"], &["`key`"]),
        (&["post", "s3://photos/a", "--field", "a=b", "--starts-with", "A=c"], &["`A` is given twice"]),
        (&["multipart", "part", "s3://photos/a", "--upload-id", "u", "--number", "0"], &["1 to 10000"]),
        (&["multipart", "list", "s3://photos/a", "--upload-id", ""], &["--upload-id"]),
        (&["multipart", "complete", "s3://photos/a", "--upload-id", "u", "--part", "x"], &["name=value"]),
        (&[&cloudfront[..], &["--key", "missing"]].concat(), &["missing"]),
        (&[&cloudfront[..], &["--key", "empty.pem"]].concat(), &["PEM"]),
    ] {
        let said = signing.run(&[&["sign"], words].concat());
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{words:?}: {}", said.err);
        assert!(expected.iter().all(|word| said.err.contains(word)), "{words:?}: {}", said.err);
        assert!(!said.err.contains(SECRET) && !said.err.contains("panicked"), "{}", said.err);
    }
    let nobody = Signing::with(&[("AWS_REGION", "eu-central-1")]).run(&["sign", "get", "s3://photos/a"]);
    assert_eq!(nobody.code, Some(2));
    assert!(nobody.err.contains("AWS_ACCESS_KEY_ID") && nobody.err.contains("--profile"), "{}", nobody.err);
    let nowhere = Signing::with(&[("AWS_ACCESS_KEY_ID", "AK"), ("AWS_SECRET_ACCESS_KEY", "s")]);
    assert!(nowhere.run(&["sign", "get", "s3://photos/a"]).err.contains("--region"));
}

#[test]
fn what_is_pasted_cannot_command_the_terminal() {
    let signing = Signing::example();
    for nasty in ["\u{1b}[2J", "\u{9b}31m", "a\rb", "\u{202e}gpj.exe", "\u{7}"] {
        for words in [
            vec!["get", nasty],
            vec!["get", "s3://photos/a", "--header", nasty],
            vec!["get", "s3://photos/a", "--query", nasty],
            vec!["get", "s3://photos/a", "--endpoint", nasty],
            vec!["get", "s3://photos/a", "--profile", nasty],
            vec!["get", &format!("https://{nasty}/a")],
            vec!["get", "s3://photos/a", "--expires", nasty],
            vec!["get", &format!("-{nasty}")],
            vec!["put", "s3://photos/a", "--file", nasty],
            vec!["put", "s3://photos/a", "--curl", "--header", &format!("a:{nasty}")],
            vec!["post", "s3://photos/a", "--field", &format!("a={nasty}")],
            vec!["post", "s3://photos/a", "--curl", "--file", nasty],
            vec!["get", "s3://photos/a", "--json", "--query", &format!("a={nasty}")],
        ] {
            let said = signing.run(&[&["sign"], &words[..]].concat());
            let shown = said.out + &said.err;
            let bad = shown.chars().find(|found| (found.is_control() && *found != '\n') || *found == '\u{202e}');
            assert_eq!(bad, None, "{words:?}: {shown:?}");
            assert!(!shown.contains("panicked"), "{shown}");
        }
    }
}
