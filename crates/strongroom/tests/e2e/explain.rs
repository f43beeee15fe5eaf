//! `strongroom explain`: real links broken in each way that links break, real answers of the store, and the cause by name.

use strongroom_presign::{Credentials, Endpoint, Request, Signer, Validity};

use crate::app::App;
use crate::caller::text;
use crate::signing::{SECRET, Signing};

const FILES: &str = "[spaces.files]\n";
const LINK: [&str; 3] = ["sign", "get", "s3://photos/media/a b.jpg"];
const CREDENTIALS: &str = "--with-credentials";

fn codes(codes: &[&str]) -> Vec<String> {
    codes.iter().map(|code| (*code).to_owned()).collect()
}

/// What was found, which was wrong enough for the exit code to say so.
#[track_caller]
fn wrong(signing: &Signing, words: &[&str]) -> Vec<String> {
    let (code, found) = signing.explain(words);
    assert_eq!(code, Some(1), "{found:?}");
    found
}

/// A service, its identities, and an object to ask for.
fn store() -> (App, Signing) {
    let app = App::start_embedded(FILES);
    let janitor = Signing::at(&app, "janitor");
    janitor.curl(&["sign", "put", "s3://strongroom/a.txt"], b"here");
    (app, janitor)
}

/// Runs a curl line that has to fail, leaves the answer in a file, and explains line and answer together.
#[track_caller]
fn failed(signing: &Signing, line: &str, words: &[&str]) -> Vec<String> {
    let answer = signing.shell(line, b"x");
    assert!(answer.contains("<Code>"), "{line} did not fail: {answer}");
    signing.file("answer.xml", &answer);
    wrong(signing, &[&[line, "--error", "answer.xml"], words].concat())
}

fn quoted(url: &str) -> String {
    format!("curl -s '{url}'")
}

#[test]
fn a_good_link_is_called_good() {
    let signing = Signing::example();
    let link = signing.line(&LINK);
    assert_eq!(signing.explain(&[&link]), (Some(0), codes(&[])));
    assert_eq!(signing.explain(&[&link, CREDENTIALS]), (Some(0), codes(&["signature-holds"])));
    assert_eq!(signing.run_with(&["explain", "-"], &format!(" <\"{link}\">\n")).code, Some(0));
    let said = signing.run(&["explain", &link]);
    for word in ["s3://photos/media/a b.jpg", "AKIAIOSFODNN7EXAMPLE", "eu-central-1", "Nothing is wrong"] {
        assert!(said.out.contains(word), "{}", said.out);
    }
    // Signed headers are worth a look, and nothing wrong.
    let upload = signing.line(&["sign", "put", "s3://photos/a.jpg", "--content-type", "image/png"]);
    assert_eq!(signing.explain(&[&upload]), (Some(0), codes(&["headers-to-send"])));
}

#[test]
fn times_are_judged_by_the_clock_that_is_given() {
    let signing = Signing::example();
    let link = signing.line(&LINK);
    assert_eq!(wrong(&signing, &[&link, "--at", "2099-01-01T00:00:00Z"]), ["expired"]);
    assert_eq!(wrong(&signing, &[&link, "--at", "2020-01-01T00:00:00Z"]), ["not-yet-valid"]);
    let said = signing.run(&["explain", &link, "--at", "2099-01-01T00:00:00Z"]);
    assert!(said.out.contains("The link ended") && said.out.contains("→ Ask for a new link"), "{}", said.out);
}

#[test]
fn what_befell_the_text_is_seen() {
    let signing = Signing::example();
    let link = signing.line(&LINK);
    for (broken, code) in [
        (link.replace('&', "&amp;"), "html-escaped"),
        (link.replace("&X-Amz-Date", "\n  &X-Amz-Date"), "blanks-in-url"),
        (link.split('&').next().unwrap().to_owned(), "parameters-missing"),
        (link[..link.len() - 3].to_owned(), "signature-cut"),
        (format!("{link}&X-Amz-Date=20130524T000000Z"), "parameter-repeated"),
        (link.split('?').next().unwrap().to_owned(), "not-signed"),
        ("photos/a.jpg".to_owned(), "not-a-url"),
        (link.replace("photos.s3.eu-central-1", "photos.s3.eu-west-1"), "region-differs-from-host"),
        (link.replace("X-Amz-Expires=300", "X-Amz-Expires=604801"), "life-out-of-range"),
        (link.replace("AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE"), "session-token-missing"),
        (link.replace("%2Fs3%2F", "%2Fexecute-api%2F"), "wrong-service"),
    ] {
        assert!(wrong(&signing, &[&broken]).contains(&code.to_owned()), "{code}: {broken}");
        let piped = signing.run_with(&["explain", "--json", "-"], &format!("{broken}\n"));
        assert!(piped.out.contains(code), "{code}: {}", piped.out);
    }
}

#[test]
fn a_spoilt_key_is_seen() {
    let signing = Signing::example();
    let link = |address: &str| signing.line(&["sign", "get", address]);
    assert_eq!(wrong(&signing, &[&link("s3://photos/a%20b.jpg")]), ["key-encoded-twice"]);
    assert_eq!(wrong(&signing, &[&link("s3://photos/photos/a.jpg")]), ["bucket-twice"]);
    assert_eq!(wrong(&signing, &[&link("s3://photos//a.jpg")]), ["leading-slash"]);
    let location = ["--location", "media/"];
    let of = |address: &str| signing.explain(&[&[&*link(address)], &location[..]].concat());
    assert_eq!(of("s3://photos/a.jpg"), (Some(1), codes(&["prefix-missing"])));
    assert_eq!(of("s3://photos/media/media/a.jpg"), (Some(1), codes(&["prefix-doubled"])));
    assert_eq!(of("s3://photos/media/a.jpg"), (Some(0), codes(&[])));
}

#[test]
fn the_store_that_is_named_says_what_the_bucket_is() {
    let signing = Signing::example();
    let words = ["--endpoint", "https://media.example.org", "--addressing", "custom"];
    let link = signing.line(&[&LINK[..], &words].concat());
    let of = |more: &[&str]| signing.json(&[&["explain", "--json", &link], more].concat())["link"].clone();
    assert_eq!(of(&[])["bucket"], "media");
    let known = of(&words);
    assert_eq!((text(&known["key"]), &known["bucket"]), ("media/a b.jpg", &serde_json::Value::Null));
    assert_eq!(known["signature"]["region"], "eu-central-1");
    let elsewhere = [&words[..], &["--region", "eu-west-1"]].concat();
    assert_eq!(wrong(&signing, &[&[&*link], &elsewhere[..]].concat()), ["region-differs-from-host"]);
}

#[test]
fn what_the_client_did_otherwise_is_told_from_its_curl_line() {
    let (_app, janitor) = store();
    let get = janitor.line(&["sign", "get", "s3://strongroom/a.txt"]);
    let sent = format!("curl -s -X PUT --data-binary @- -H 'content-type:' '{get}'");
    assert_eq!(failed(&janitor, &sent, &[CREDENTIALS]), ["method-differs"]);
    assert_eq!(failed(&janitor, &sent, &[]), ["method-or-secret"]);
    assert_eq!(wrong(&janitor, &[&get, "--method", "put", CREDENTIALS]), ["method-differs"]);

    let put = janitor.line(&["sign", "put", "s3://strongroom/b.png", "--content-type", "image/png"]);
    let form = format!("curl -s -X PUT -F file=@- '{put}'");
    assert!(failed(&janitor, &form, &[]).contains(&"form-sent-to-put-url".to_owned()));
    let bare = format!("curl -s -X PUT --data-binary @- -H 'content-type:' '{put}'");
    assert!(failed(&janitor, &bare, &[]).contains(&"signed-header-not-sent".to_owned()));
    assert_eq!(wrong(&janitor, &[&put, "--no-headers"]), ["signed-header-not-sent"]);
    let public =
        format!("curl -s -X PUT --data-binary @- -H 'content-type: image/png' -H 'x-amz-acl: public-read' '{put}'");
    assert_eq!(failed(&janitor, &public, &[]), ["headers-not-signed"]);
    let other = format!("curl -s -X PUT --data-binary @- -H 'content-type: image/gif' '{put}'");
    let sent = ["--method", "PUT", "--header", "Content-Type: image/png", "--error", "answer.xml"];
    janitor.file("answer.xml", janitor.shell(&other, b"x"));
    assert_eq!(wrong(&janitor, &[&[&*put], &sent[..]].concat()), ["signed-header-differs"]);
}

#[test]
fn what_arrived_otherwise_is_told_from_the_stores_answer() {
    let (_app, janitor) = store();
    let link = janitor.line(&["sign", "get", "s3://strongroom/a.txt"]);
    for (arrived, code) in [
        (link.replace("a.txt", "b.txt"), "path-differs"),
        (format!("{link}&utm_source=mail"), "query-differs"),
        (link.replace("a.txt", "x/../b.txt"), "path-differs"),
    ] {
        let answer = janitor.shell(&quoted(&arrived), b"");
        janitor.file("answer.xml", &answer);
        for credentials in [&[][..], &[CREDENTIALS]] {
            let words = [&[&*link, "--method", "GET", "--error", "answer.xml"], credentials].concat();
            assert_eq!(wrong(&janitor, &words), [code], "{answer}");
        }
        let piped = janitor.run_with(&["explain", &link, "--error", "-"], &answer);
        assert_eq!(piped.code, Some(1), "{}", piped.err);
        assert!(piped.out.contains("of the canonical request"), "{}", piped.out);
    }
    let proxied = format!("{} -H 'Host: internal:9000'", quoted(&link));
    janitor.file("answer.xml", janitor.shell(&proxied, b""));
    assert_eq!(wrong(&janitor, &[&link, "--error", "answer.xml"]), ["host-rewritten"]);
}

#[test]
fn tampered_signatures_and_other_secrets_are_told_apart() {
    let (app, janitor) = store();
    let link = janitor.line(&["sign", "get", "s3://strongroom/a.txt"]);
    let last = if link.ends_with('0') { "1" } else { "0" };
    let tampered = format!("{}{last}", &link[..link.len() - 1]);
    assert_eq!(failed(&janitor, &quoted(&tampered), &[]), ["method-or-secret"]);
    assert_eq!(failed(&janitor, &quoted(&tampered), &[CREDENTIALS]), ["altered-or-other-secret"]);
    // The signer has another secret than the store.
    let stale = Signing::at(&app, "janitor").and("AWS_SECRET_ACCESS_KEY", SECRET);
    let link = stale.line(&["sign", "get", "s3://strongroom/a.txt"]);
    assert_eq!(failed(&stale, &quoted(&link), &[CREDENTIALS]), ["server-has-other-secret"]);
    let stranger = Signing::at(&app, "janitor").and("AWS_ACCESS_KEY_ID", "AKSTRANGER");
    let link = stranger.line(&["sign", "get", "s3://strongroom/a.txt"]);
    assert_eq!(failed(&stranger, &quoted(&link), &[]), ["unknown-access-key"]);
    assert!(janitor.explain(&[&link, CREDENTIALS]).1.contains(&"other-access-key".to_owned()));
}

#[test]
fn what_the_store_refuses_a_good_signature_is_told() {
    let (app, janitor) = store();
    let missing = janitor.line(&["sign", "get", "s3://strongroom/a%20b.txt"]);
    let found = failed(&janitor, &quoted(&missing), &[]);
    assert_eq!(found, ["no-such-key", "key-encoded-twice"]);
    let reader = Signing::at(&app, "reader");
    let put = reader.line(&["sign", "put", "s3://strongroom/a.txt"]);
    let line = format!("curl -s -X PUT --data-binary @- -H 'content-type:' '{put}'");
    assert_eq!(failed(&reader, &line, &[]), ["access-denied"]);
    let elsewhere = janitor.line(&["sign", "get", "s3://strongroom/a.txt", "--region", "eu-west-1"]);
    assert_eq!(failed(&janitor, &quoted(&elsewhere), &[]), ["wrong-region"]);
    let digest = "0".repeat(64);
    let put = janitor.line(&["sign", "put", "s3://strongroom/a.txt", "--sha256", &digest, "--curl"]);
    assert_eq!(failed(&janitor, &put, &[]), ["digest-differs"]);
    let post = ["sign", "post", "s3://strongroom/a.txt", "--max-size", "0", "--curl"];
    assert_eq!(failed(&janitor, &janitor.line(&post), &[]), ["too-large", "key-missing"]);
    let old = janitor.line(&["sign", "get", "s3://strongroom/a.txt", "--v2"]);
    assert_eq!(failed(&janitor, &quoted(&old), &[]), ["signature-version-2"]);
}

#[test]
fn clocks_that_differ_are_told_by_the_stores_own() {
    let (_app, janitor) = store();
    let (id, secret) = (janitor.variable("AWS_ACCESS_KEY_ID"), janitor.variable("AWS_SECRET_ACCESS_KEY"));
    let endpoint = Endpoint::custom(janitor.variable("AWS_ENDPOINT_URL"), "us-east-1").unwrap();
    let signer = Signer::new(Credentials::new(id, secret).unwrap(), endpoint, "strongroom").unwrap();
    let ahead_by = |ahead: i64| {
        let validity = Validity::new(crate::tokens::now() + ahead, 300).unwrap();
        signer.presign(&Request::get("a.txt"), validity).unwrap()
    };
    // The clock here may be wrong as well: what the store says counts.
    for at in ["2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"] {
        let found = failed(&janitor, &quoted(&ahead_by(-3_900)), &["--at", at]);
        assert!(found.contains(&"expired".to_owned()), "{found:?}");
        let found = failed(&janitor, &quoted(&ahead_by(7_200)), &["--at", at]);
        assert!(found.contains(&"not-yet-valid".to_owned()), "{found:?}");
    }
    let said = janitor.run(&["explain", &ahead_by(7_200)]);
    assert!(said.out.contains("in 2 hours") || said.out.contains("in 1 hour 59 minutes"), "{}", said.out);
}

#[test]
fn no_secret_is_ever_shown() {
    let signing = Signing::example().and("AWS_SESSION_TOKEN", "FwoGZXIvYXdzEXAMPLETOKEN");
    let link = signing.line(&LINK);
    let signature = link.split("X-Amz-Signature=").nth(1).unwrap().to_owned();
    let altered = link.replace("FwoG", "FxoG");
    let named = link.replace("https://", "https://ann:let@me-in@");
    for words in [
        vec![&*link, CREDENTIALS],
        vec![&*altered, CREDENTIALS],
        vec![&*link, CREDENTIALS, "--method", "PUT"],
        vec![&*link, CREDENTIALS, "--json"],
        vec!["nothing", CREDENTIALS],
        vec![&*named, CREDENTIALS],
        vec![&*named, "--json"],
    ] {
        let said = signing.run(&[&["explain"], &words[..]].concat());
        let shown = said.out + &said.err;
        for secret in [SECRET, "EXAMPLETOKEN", "me-in", &signature] {
            assert!(!shown.contains(secret), "{words:?}: {shown}");
        }
    }
}

#[test]
fn arguments_that_cannot_be_used_are_refused_with_the_mend() {
    let signing = Signing::with(&[]);
    signing.file("page.html", "<html>no</html>");
    for (words, expected) in [
        (&[""][..], &["no URL"][..]),
        (&["-"], &["no URL"]),
        (&["-", "--error", "-"], &["standard input"]),
        (&["https://h/a", "--error", "missing.xml"], &["missing.xml"]),
        (&["https://h/a", "--error", "page.html"], &["<Code>"]),
        (&["https://h/a", "--at", "noon"], &["noon", "2026-01-31T12:00:00Z"]),
        (&["https://h/a", "--header", "x"], &["'Name: value'"]),
        (&["https://h/a", "--region", "x"], &["--endpoint"]),
        (&["https://h/a", "--endpoint", "x"], &["http://"]),
        (&["https://h/a", CREDENTIALS], &["AWS_ACCESS_KEY_ID"]),
        (&["https://h/a", "--profile", "x"], &[CREDENTIALS]),
        (&["curl 'https://h/a"], &["quote"]),
        (&["curl -X PUT"], &["no URL"]),
    ] {
        let said = signing.run(&[&["explain"], words].concat());
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{words:?}: {}", said.err);
        assert!(expected.iter().all(|word| said.err.contains(word)), "{words:?}: {}", said.err);
    }
    let long = "x".repeat(1024 * 1024 + 1);
    let said = signing.run_with(&["explain", "-"], &long);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("1 MiB"), "{}", said.err);
}

#[test]
fn nothing_that_is_pasted_panics_or_commands_the_terminal() {
    let signing = Signing::example();
    let link = signing.line(&LINK);
    let nasty =
        ["\u{1b}]0;x\u{7}", "\u{9b}2J", "\u{202e}", "%1b%5b2J", "%c2%9b", "%00", "%", "\u{0}", "é", "🦀", "]]>"];
    let mut inputs: Vec<String> = Vec::new();
    for bad in nasty {
        for (at, _) in link.match_indices(['/', '?', '=', '&', '.']).step_by(4) {
            inputs.push(format!("{}{bad}{}", &link[..at], &link[at..]));
        }
    }
    inputs.extend(
        ["://", "http://", "https://?", "http://[::1", "curl http://h/\u{1b}[2J", "s3://a/b"].map(str::to_owned),
    );
    let answer = "<Error><Code>\u{1b}[31mX</Code><Message>\u{9b}2J&#27;[2J&#x202e;</Message></Error>";
    signing.file("answer.xml", answer);
    for input in inputs {
        for form in [&["explain", "-", "--error", "answer.xml", CREDENTIALS][..], &["explain", "-", "--json"]] {
            let said = signing.run_with(form, &input);
            let shown = said.out + &said.err;
            assert!(matches!(said.code, Some(0..=2)) && !shown.contains("panicked"), "{input:?}: {shown:?}");
            let bad = shown.chars().find(|found| (found.is_control() && *found != '\n') || *found == '\u{202e}');
            assert_eq!(bad, None, "{input:?}: {shown:?}");
        }
    }
}
