//! Breaks links in each way that links break, lets the verifier answer as a store does, and expects the cause by name.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report, in its helpers too")]

use strongroom_presign::{
    Certainty, Credentials, Endpoint, Evidence, Explanation, IncomingRequest, Request, Signer, Validity, Verifier,
    VerifyError, explain,
};

const NOW: i64 = 1_369_353_600;
const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const HOST: &str = "photos.s3.us-east-1.amazonaws.com";

fn credentials() -> Credentials {
    Credentials::new(ACCESS_KEY, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY").unwrap()
}

fn sign(request: &Request<'_>) -> String {
    let signer = Signer::new(credentials(), Endpoint::aws("us-east-1").unwrap(), "photos").unwrap();
    signer.presign(request, Validity::new(NOW, 300).unwrap()).unwrap()
}

fn link() -> String {
    sign(&Request::get("albums/a b.jpg"))
}

fn codes(explanation: &Explanation) -> Vec<&'static str> {
    explanation.findings.iter().map(|finding| finding.cause.code()).collect()
}

/// The causes that are certain.
fn certain(explanation: &Explanation) -> Vec<&'static str> {
    let certain = explanation.findings.iter().filter(|finding| finding.certainty == Certainty::Certain);
    certain.map(|finding| finding.cause.code()).collect()
}

fn of_url(url: &str, now: i64) -> Vec<&'static str> {
    codes(&explain(&Evidence::of(url), now))
}

fn error(code: &str, fields: &[(&str, &str)]) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("<{name}>{}</{name}>", escaped(value))).collect();
    let fields = fields.concat();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>{fields}<RequestId>4442587FB7D0A2F9</RequestId></Error>"
    )
}

fn answered(url: &str, code: &str, fields: &[(&str, &str)]) -> Vec<&'static str> {
    codes(&explain(&Evidence::of(url).answer(&error(code, fields)), NOW))
}

/// What S3 answers to a request as it arrives, with the store's secret.
fn store(secret: &str, method: &str, target: &str, headers: &[(&str, &str)]) -> String {
    let (path, query) = target.split_once('?').unwrap();
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let request = IncomingRequest { method, path, query, headers: &headers };
    let known = Credentials::new(ACCESS_KEY, secret).unwrap();
    let Err(VerifyError::Mismatch(mismatch)) =
        Verifier::new("us-east-1").verify(&request, |_| Some(known.clone()), NOW)
    else {
        panic!("the request must not verify");
    };
    error(
        "SignatureDoesNotMatch",
        &[
            ("AWSAccessKeyId", ACCESS_KEY),
            ("StringToSign", &mismatch.string_to_sign),
            ("SignatureProvided", &mismatch.provided),
            ("CanonicalRequest", &mismatch.canonical_request),
        ],
    )
}

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

fn target(url: &str) -> String {
    url.strip_prefix("https://").and_then(|rest| rest.strip_prefix(HOST)).unwrap().to_owned()
}

/// Explains with all that can be known: without the credentials, and with them.
fn both(url: &str, method: &str, answer: &str) -> [Vec<&'static str>; 2] {
    let evidence = Evidence::of(url).method(method).answer(answer);
    let own = credentials();
    [certain(&explain(&evidence, NOW)), certain(&explain(&evidence.credentials(&own), NOW))]
}

#[test]
fn a_good_link_is_called_good() {
    assert!(of_url(&link(), NOW).is_empty());
    let own = credentials();
    let url = link();
    assert_eq!(codes(&explain(&Evidence::of(&url).method("GET").credentials(&own), NOW)), ["signature-holds"]);
}

#[test]
fn times_are_told_with_by_how_much() {
    let explanation = explain(&Evidence::of(&link()), NOW + 300 + 7_500);
    assert_eq!(codes(&explanation), ["expired"]);
    assert!(explanation.to_string().contains("2 hours 5 minutes ago, at 2013-05-24T00:05:00Z"), "{explanation}");
    let explanation = explain(&Evidence::of(&link()), NOW - 3_600);
    assert_eq!(codes(&explanation), ["not-yet-valid"]);
    assert!(explanation.to_string().contains("in 1 hour"), "{explanation}");
}

#[test]
fn the_stores_clock_decides() {
    let fields = [
        ("Message", "Request has expired"),
        ("Expires", "2013-05-24T00:05:00Z"),
        ("ServerTime", "2013-05-24T00:06:00Z"),
    ];
    let explanation = explain(&Evidence::of(&link()).answer(&error("AccessDenied", &fields)), NOW);
    assert_eq!(codes(&explanation), ["expired"]);
    assert!(explanation.to_string().contains("1 minute ago"), "{explanation}");
    let fields = [
        ("Message", "Request is not yet valid"),
        ("X-Amz-Date", "20130524T000000Z"),
        ("ServerTime", "2013-05-23T23:00:00Z"),
    ];
    assert_eq!(answered(&link(), "AccessDenied", &fields), ["not-yet-valid"]);
    let fields = [
        ("Message", "Request is not valid yet"),
        ("RequestTime", "2013-05-24T00:00:00.000Z"),
        ("ServerTime", "2013-05-23T23:00:00.000Z"),
    ];
    assert_eq!(answered(&link(), "AccessDenied", &fields), ["not-yet-valid"]);
    let fields = [
        ("RequestTime", "20130524T002000Z"),
        ("ServerTime", "2013-05-24T00:00:00Z"),
        ("MaxAllowedSkewMilliseconds", "900000"),
    ];
    let explanation = explain(&Evidence::of(&link()).answer(&error("RequestTimeTooSkewed", &fields)), NOW);
    assert_eq!(codes(&explanation), ["clock-skewed"]);
    assert!(explanation.to_string().contains("20 minutes ahead"), "{explanation}");
}

#[test]
fn what_befalls_a_url_between_copying_and_pasting_is_seen() {
    let url = link();
    assert_eq!(of_url(&url.replace('&', "&amp;"), NOW), ["html-escaped"]);
    assert_eq!(of_url(&url.replace("&X-Amz-Date", "\n&X-Amz-Date"), NOW), ["blanks-in-url"]);
    let (cut, _) = url.split_once("&X-Amz-Date").unwrap();
    assert_eq!(of_url(cut, NOW), ["parameters-missing"]);
    assert_eq!(of_url(&url[..url.len() - 3], NOW), ["signature-cut"]);
    assert_eq!(of_url(&format!("{url}&X-Amz-Date=20130524T000000Z"), NOW), ["parameter-repeated"]);
    assert_eq!(of_url(url.split('?').next().unwrap(), NOW), ["not-signed"]);
    assert_eq!(of_url("photos/a.jpg", NOW), ["not-a-url"]);
}

#[test]
fn a_scope_that_cannot_hold_is_seen() {
    let url = link();
    for (from, to, expected) in [
        ("us-east-1%2Fs3", "eu-west-1%2Fs3", "region-differs-from-host"),
        ("%2Fs3%2F", "%2Fexecute-api%2F", "wrong-service"),
        ("20130524%2F", "20130523%2F", "scope-day-differs"),
        ("%2Faws4_request", "", "scope-malformed"),
        ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1", "unknown-algorithm"),
        ("20130524T000000Z", "20130524T00:00:00Z", "date-malformed"),
        ("X-Amz-Expires=300", "X-Amz-Expires=604801", "life-out-of-range"),
        ("SignedHeaders=host", "SignedHeaders=range", "host-not-signed"),
        (ACCESS_KEY, "ASIAIOSFODNN7EXAMPLE", "session-token-missing"),
    ] {
        let broken = url.replace(from, to);
        assert_ne!(broken, url);
        assert_eq!(certain(&explain(&Evidence::of(&broken), NOW)), [expected], "{broken}");
    }
}

#[test]
fn a_key_that_was_spoilt_is_seen() {
    assert_eq!(of_url(&sign(&Request::get("albums/a%20b.jpg")), NOW), ["key-encoded-twice"]);
    assert_eq!(of_url(&sign(&Request::get("/albums/a.jpg")), NOW), ["leading-slash"]);
    assert_eq!(of_url(&sign(&Request::get("photos/albums/a.jpg")), NOW), ["bucket-twice"]);
    assert_eq!(of_url(&sign(&Request::get("albums/albums/a.jpg")), NOW), ["prefix-doubled"]);
    assert_eq!(of_url(&link().replace("/a%20b", "/a+b"), NOW), ["plus-in-path"]);
    assert_eq!(of_url(&link().replace("/albums/", "/x/%2e%2E/albums/"), NOW), ["dot-segment"]);
    assert_eq!(of_url(&sign(&Request::list_objects()), NOW), ["key-missing"]);
    let with_prefix = |key: &str| {
        let url = sign(&Request::get(key));
        codes(&explain(&Evidence::of(&url).prefix("tenant-7/"), NOW))
    };
    assert_eq!(with_prefix("a.jpg"), ["prefix-missing"]);
    assert_eq!(with_prefix("tenant-77/a.jpg"), ["prefix-missing"]);
    assert_eq!(with_prefix("tenant-7/tenant-7/a.jpg"), ["prefix-doubled"]);
    assert!(with_prefix("tenant-7/a.jpg").is_empty());
}

#[test]
fn a_plus_in_a_path_is_a_blank_to_aws_and_a_plus_to_others() {
    let own = credentials();
    let with = |url: &str| explain(&Evidence::of(url).method("GET").credentials(&own), NOW);
    let at_aws = with(&link().replace("/a%20b", "/a+b"));
    assert_eq!(codes(&at_aws), ["signature-holds", "plus-in-path"]);
    assert!(at_aws.to_string().contains("looks for `albums/a b.jpg`"), "{at_aws}");
    let at_aws = with(&sign(&Request::get("albums/a+b.jpg")).replace("/a%2Bb", "/a+b"));
    assert_eq!(codes(&at_aws), ["path-differs", "plus-in-path"]);
    let own_store = Endpoint::custom("https://s3.example.org", "us-east-1").unwrap();
    let signer = Signer::new(credentials(), own_store, "photos").unwrap();
    let link_to = |key| signer.presign(&Request::get(key), Validity::new(NOW, 300).unwrap()).unwrap();
    let elsewhere = with(&link_to("albums/a+b.jpg").replace("/a%2Bb", "/a+b"));
    assert_eq!(codes(&elsewhere), ["signature-holds", "plus-in-path"]);
    assert!(elsewhere.to_string().contains("looks for `albums/a+b.jpg`"), "{elsewhere}");
    assert_eq!(codes(&with(&link_to("albums/a b.jpg").replace("/a%20b", "/a+b"))), ["path-differs", "plus-in-path"]);
}

#[test]
fn headers_that_were_not_sent_as_signed_are_seen() {
    let url = sign(&Request::put("a.jpg").header("content-type", "image/jpeg"));
    assert_eq!(of_url(&url, NOW), ["headers-to-send"]);
    let sent = |headers: &[(&str, &str)]| codes(&explain(&Evidence::of(&url).method("PUT").headers(headers), NOW));
    assert_eq!(sent(&[]), ["signed-header-not-sent"]);
    assert!(sent(&[("Content-Type", "image/jpeg")]).is_empty());
    assert_eq!(sent(&[("content-type", "image/jpeg"), ("x-amz-acl", "public-read")]), ["headers-not-signed"]);
    assert_eq!(sent(&[("Content-Type", "multipart/form-data; boundary=x")]), ["form-sent-to-put-url"]);
    let own = credentials();
    let headers = [("content-type", "image/png")];
    let evidence = Evidence::of(&url).method("PUT").headers(&headers).credentials(&own);
    // What was signed cannot be computed back from a signature, so the difference can only be told with the answer.
    assert_eq!(codes(&explain(&evidence, NOW)), ["altered-or-other-secret"]);
}

#[test]
fn another_method_is_named() {
    let url = link();
    let own = credentials();
    let explanation = explain(&Evidence::of(&url).method("PUT").credentials(&own), NOW);
    assert_eq!(codes(&explanation), ["method-differs"]);
    assert!(explanation.to_string().contains("signed for GET, but PUT was sent"), "{explanation}");
    let answer = store(SECRET, "PUT", &target(&url), &[("host", HOST)]);
    let [without, with] = both(&url, "PUT", &answer);
    assert!(without.is_empty());
    assert_eq!(with, ["method-differs"]);
    assert_eq!(codes(&explain(&Evidence::of(&url).method("PUT").answer(&answer), NOW)), ["method-or-secret"]);
}

#[test]
fn what_a_proxy_changed_is_told_by_line() {
    let url = link();
    let whole = target(&url);
    for (arrived, host, expected, said) in [
        (whole.clone(), "internal:9000", "host-rewritten", "line 4"),
        (whole.replace("/albums", "/s3/albums"), HOST, "path-prefixed-by-proxy", "`/s3`"),
        (whole.replace("/albums", ""), HOST, "path-stripped-by-proxy", "`/albums`"),
        (whole.replace("%20", "%2520"), HOST, "key-encoded-twice", "a%20b"),
        (whole.replace("a%20b", "c"), HOST, "path-differs", "line 2"),
        (format!("{whole}&utm_source=mail"), HOST, "query-differs", "`utm_source=mail` came in"),
    ] {
        let answer = store(SECRET, "GET", &arrived, &[("host", host)]);
        assert_eq!(both(&url, "GET", &answer), [vec![expected], vec![expected]], "{arrived}");
        let explanation = explain(&Evidence::of(&url).method("GET").answer(&answer), NOW);
        assert!(explanation.to_string().contains(said), "{explanation}");
    }
    let url = sign(&Request::get("albums//a.jpg"));
    let answer = store(SECRET, "GET", &target(&url).replace("//", "/"), &[("host", HOST)]);
    assert_eq!(both(&url, "GET", &answer), [vec!["slashes-merged"], vec!["slashes-merged"]]);
}

#[test]
fn a_store_that_shows_its_string_to_sign_alone_is_understood() {
    let url = link();
    let answer = store(SECRET, "PUT", &target(&url), &[("host", HOST)]);
    let (head, _) = answer.split_once("<CanonicalRequest>").unwrap();
    let answer = format!("{head}</Error>");
    let own = credentials();
    let explanation = explain(&Evidence::of(&url).credentials(&own).answer(&answer), NOW);
    assert_eq!(codes(&explanation), ["method-differs"]);
    let answer = store(SECRET, "GET", &target(&url), &[("host", "localhost")]);
    let answer = answer.replace("20130524/us-east-1/s3", "20130524/eu-west-1/s3");
    let explanation = explain(&Evidence::of(&url).answer(&answer), NOW);
    assert!(certain(&explanation).contains(&"string-to-sign-differs"), "{explanation}");
    assert!(explanation.to_string().contains("Line 3 of the string to sign"), "{explanation}");
}

#[test]
fn a_refusal_without_any_strings_is_never_called_good() {
    let url = link();
    let own = credentials();
    let bare = error("SignatureDoesNotMatch", &[("Message", "The request signature we calculated does not match")]);
    let explanation = explain(&Evidence::of(&url).method("GET").answer(&bare).credentials(&own), NOW);
    assert_eq!(codes(&explanation), ["changed-or-other-secret"]);
    assert_eq!(explanation.findings[0].certainty, Certainty::Likely);
    assert!(!explanation.to_string().contains("string to sign"), "{explanation}");
    // A digest that nothing guessed gives.
    let lines = format!("AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n{}", "0".repeat(64));
    let shown = error("SignatureDoesNotMatch", &[("StringToSign", &lines)]);
    let explanation = explain(&Evidence::of(&url).method("GET").answer(&shown).credentials(&own), NOW);
    assert_eq!(codes(&explanation), ["changed-or-other-secret"]);
    assert!(explanation.to_string().contains("line 4 of the string to sign"), "{explanation}");
    // All that arrived is what was signed, but a store that shows no string to sign may have another secret.
    let answer = store("another secret", "GET", &target(&url), &[("host", HOST)]);
    let (head, tail) = answer.split_once("<StringToSign>").unwrap();
    let answer = format!("{head}{}", tail.split_once("</StringToSign>").unwrap().1);
    let explanation = explain(&Evidence::of(&url).method("GET").answer(&answer).credentials(&own), NOW);
    assert_eq!(codes(&explanation), ["changed-or-other-secret"]);
}

#[test]
fn a_signature_holds_no_longer_than_its_credentials_and_only_with_their_token() {
    let own = credentials().with_session_token("token").unwrap();
    let signer = Signer::new(own.clone(), Endpoint::aws("us-east-1").unwrap(), "photos").unwrap();
    let url = signer.presign(&Request::get("a.jpg"), Validity::new(NOW, 300).unwrap()).unwrap();
    let with = |url: &str, credentials: Credentials| explain(&Evidence::of(url).credentials(&credentials), NOW);
    assert_eq!(codes(&with(&url, own.clone())), ["signature-holds"]);
    assert_eq!(codes(&with(&url, own.clone().with_expiry(NOW))), ["session-token-expired"]);
    let sooner = with(&url, own.clone().with_expiry(NOW + 60));
    assert_eq!(codes(&sooner), ["signature-holds"]);
    assert!(sooner.to_string().contains("2013-05-24T00:01:00Z, when the credentials end"), "{sooner}");
    assert!(with(&url, own.clone().with_expiry(NOW + 300)).to_string().contains("until it ends"));
    assert_eq!(codes(&with(&link(), own)), ["session-token-missing"]);
    let other = credentials().with_session_token("other").unwrap();
    let explanation = with(&url, other);
    assert_eq!(codes(&explanation), ["session-token-invalid"]);
    assert_eq!(explanation.findings[0].certainty, Certainty::Likely);
    let explanation = with(&url, credentials());
    assert_eq!(codes(&explanation), ["session-token-invalid"]);
    assert_eq!(explanation.findings[0].certainty, Certainty::Possible);
}

#[test]
fn signed_headers_that_arrived_otherwise_are_told() {
    let url = sign(&Request::put("a.jpg").header("content-type", "image/jpeg").header("x-amz-acl", "private"));
    let arrived = [("host", HOST), ("content-type", "image/png"), ("x-amz-acl", "private")];
    let answer = store(SECRET, "PUT", &target(&url), &arrived);
    let sent = [("content-type", "image/jpeg"), ("x-amz-acl", "private")];
    let explanation = explain(&Evidence::of(&url).method("PUT").headers(&sent).answer(&answer), NOW);
    assert_eq!(certain(&explanation), ["signed-header-differs"]);
    assert!(
        explanation.to_string().contains("signed as `image/jpeg`, but `image/png` arrived (line 4"),
        "{explanation}"
    );
    let form = [("host", HOST), ("content-type", "multipart/form-data; boundary=x"), ("x-amz-acl", "private")];
    let answer = store(SECRET, "PUT", &target(&url), &form);
    let explanation = explain(&Evidence::of(&url).method("PUT").answer(&answer), NOW);
    assert_eq!(certain(&explanation), ["form-sent-to-put-url"], "{explanation}");
    let nothing = [("host", HOST), ("content-type", ""), ("x-amz-acl", "private")];
    let answer = store(SECRET, "PUT", &target(&url), &nothing);
    let explanation = explain(&Evidence::of(&url).method("PUT").answer(&answer), NOW);
    assert_eq!(certain(&explanation), ["signed-header-not-sent"], "{explanation}");
}

#[test]
fn what_a_store_or_a_client_leaves_unsaid_is_not_taken_for_wrong() {
    let url = sign(&Request::put("a.jpg").header("content-length", "7"));
    let evidence = Evidence::of(&url).method("PUT").headers(&[]);
    assert_eq!(codes(&explain(&evidence, NOW)), ["headers-to-send"]);
    let url = sign(&Request::put("a.jpg").header("x-amz-acl", "private"));
    let said = error(
        "SignatureDoesNotMatch",
        &[("Message", "The header 'x-amz-acl' is signed, and was not sent. Send it exactly as it was signed.")],
    );
    let evidence = Evidence::of(&url).method("PUT").answer(&said);
    assert_eq!(codes(&explain(&evidence, NOW))[0], "signed-header-not-sent");
    assert!(!codes(&explain(&evidence, NOW)).contains(&"method-or-secret"));
}

#[test]
fn a_form_is_signed_in_its_fields_and_not_in_its_url() {
    let headers = [("Content-Type", "multipart/form-data; boundary=x")];
    let evidence = Evidence::of("https://photos.s3.us-east-1.amazonaws.com/").method("POST").headers(&headers);
    let answer = error("EntityTooLarge", &[("MaxSizeAllowed", "10")]);
    assert_eq!(certain(&explain(&evidence.answer(&answer), NOW)), ["too-large"]);
    assert_eq!(certain(&explain(&evidence.method("PUT"), NOW)), ["not-signed"]);
}

#[test]
fn tokens_and_keys_of_encryption_are_not_shown() {
    let temporary = credentials().with_session_token("tok+secret").unwrap();
    let signer = Signer::new(temporary, Endpoint::aws("us-east-1").unwrap(), "photos").unwrap();
    let name = "x-amz-server-side-encryption-customer-key";
    let request = Request::get("a.jpg").header(name, "a2V5");
    let url = signer.presign(&request, Validity::new(NOW, 300).unwrap()).unwrap();
    let target = target(&url).replace("tok%2Bsecret", "tok%2Bother");
    let (query, _) = target.strip_prefix("/a.jpg?").unwrap().split_once("&X-Amz-Signature").unwrap();
    let arrived = format!("GET\n/a.jpg\n{query}\nhost:{HOST}\n{name}:b3RoZXI=\n\nhost;{name}\nUNSIGNED-PAYLOAD");
    let answer = error("SignatureDoesNotMatch", &[("CanonicalRequest", &arrived)]);
    let sent = [(name, "a2V5")];
    let text = explain(&Evidence::of(&url).method("GET").headers(&sent).answer(&answer), NOW).to_string();
    assert!(text.contains("X-Amz-Security-Token=[redacted]") && text.contains(name), "{text}");
    for secret in ["tok+secret", "tok+other", "a2V5", "b3RoZXI="] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn secrets_that_differ_are_told_from_links_that_were_altered() {
    let url = link();
    let answer = store("another secret", "GET", &target(&url), &[("host", HOST)]);
    let own = credentials();
    let evidence = Evidence::of(&url).method("GET").answer(&answer);
    assert_eq!(codes(&explain(&evidence, NOW)), ["method-or-secret"]);
    assert_eq!(codes(&explain(&evidence.credentials(&own), NOW)), ["server-has-other-secret"]);
    let other = Credentials::new(ACCESS_KEY, "another secret").unwrap();
    assert_eq!(codes(&explain(&evidence.credentials(&other), NOW)), ["altered-or-other-secret"]);
    let stranger = Credentials::new("AKIAIOSFODNN7STRANGER", "x").unwrap();
    assert!(codes(&explain(&Evidence::of(&url).credentials(&stranger), NOW)).contains(&"other-access-key"));
    let text = explain(&evidence.credentials(&own), NOW).to_string();
    assert!(!text.contains(SECRET));
}

#[test]
fn every_code_that_a_url_can_meet_has_its_cause() {
    for (code, fields, expected) in [
        ("AccessDenied", &[("Message", "Access Denied")][..], "access-denied"),
        (
            "AccessDenied",
            &[
                ("Message", "There were headers present in the request which were not signed"),
                ("HeadersNotSigned", "x-amz-acl, x-amz-meta-a"),
            ],
            "headers-not-signed",
        ),
        (
            "AccessDenied",
            &[("Message", "Invalid according to Policy: Policy Condition failed: [\"eq\", \"$key\", \"a\"]")],
            "policy-failed",
        ),
        (
            "AccessDenied",
            &[(
                "Message",
                "User: arn:aws:iam::111122223333:user/ann is not authorized to perform: s3:GetObject on resource: \
                 \"arn:aws:s3:::photos/a.jpg\" because no identity-based policy allows the s3:GetObject action",
            )],
            "access-denied",
        ),
        ("InvalidAccessKeyId", &[("AWSAccessKeyId", ACCESS_KEY)], "unknown-access-key"),
        ("ExpiredToken", &[], "session-token-expired"),
        ("InvalidToken", &[], "session-token-invalid"),
        ("NoSuchKey", &[("Key", "albums/a b.jpg")], "no-such-key"),
        ("NoSuchBucket", &[("BucketName", "photos")], "no-such-bucket"),
        ("NoSuchVersion", &[], "no-such-version"),
        ("PermanentRedirect", &[("Endpoint", "s3.eu-west-1.amazonaws.com")], "wrong-endpoint"),
        (
            "AuthorizationQueryParametersError",
            &[
                (
                    "Message",
                    "Error parsing the X-Amz-Credential parameter; the region 'us-east-1' is wrong; expecting 'eu-west-1'",
                ),
                ("Region", "eu-west-1"),
            ],
            "wrong-region",
        ),
        (
            "AuthorizationHeaderMalformed",
            &[("Message", "the region 'us-east-1' is wrong; expecting 'eu-west-1'")],
            "wrong-region",
        ),
        (
            "AuthorizationQueryParametersError",
            &[("Message", "X-Amz-Expires must be less than a week (in seconds)")],
            "life-out-of-range",
        ),
        (
            "InvalidRequest",
            &[(
                "Message",
                "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
            )],
            "signature-version-2",
        ),
        ("EntityTooLarge", &[("MaxSizeAllowed", "10485760")], "too-large"),
        ("EntityTooSmall", &[("MinSizeAllowed", "1")], "too-small"),
        ("MissingContentLength", &[], "content-length-missing"),
        (
            "NotImplemented",
            &[
                ("Message", "A header you provided implies functionality that is not implemented"),
                ("Header", "Transfer-Encoding"),
            ],
            "content-length-missing",
        ),
        ("XAmzContentSHA256Mismatch", &[], "digest-differs"),
        ("InvalidObjectState", &[], "archived"),
        ("SlowDown", &[("Message", "Please reduce your request rate.")], "other-error"),
    ] {
        assert_eq!(answered(&link(), code, fields), [expected], "{code}");
    }
    // An unsigned URL is denied because it is unsigned.
    let unsigned = "https://photos.s3.us-east-1.amazonaws.com/a.jpg";
    assert_eq!(answered(unsigned, "AccessDenied", &[("Message", "Access Denied")]), ["not-signed"]);
}

#[test]
fn links_of_other_signatures_are_read() {
    let endpoint = Endpoint::custom("http://old.example.org:8080", "us-east-1").unwrap();
    let signer = Signer::new(credentials(), endpoint, "photos").unwrap();
    let url = signer.presign_v2(&Request::get("a.jpg"), Validity::new(NOW, 300).unwrap()).unwrap();
    assert_eq!(of_url(&url, NOW + 301), ["expired", "signature-version-2"]);
    let url = "https://d111111abcdef8.cloudfront.net/a.jpg?Expires=1369353600&Signature=x&Key-Pair-Id=K2JCJMDEHXQW5F";
    assert_eq!(of_url(url, NOW + 60), ["expired"]);
    let explanation = explain(&Evidence::of(&url.replace("1369353600", "1369353900")), NOW);
    assert!(explanation.findings.is_empty(), "{explanation}");
}
