//! Holds for any input: what is signed verifies, what is altered does not, addresses survive the round trip, and nothing panics.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report, in its helpers too")]

use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_assume, prop_oneof, proptest,
};
use proptest::sample::Index;
use strongroom_presign::{
    Address, Addressing, Credentials, Endpoint, Evidence, IncomingRequest, MAX_LIFE, Method, Payload, Policy,
    PostPolicy, Request, Signer, Validity, Verified, Verifier, VerifyError, Window, check_key, explain,
};

const HOST: &str = "store.example.org:9000";

fn credentials() -> Credentials {
    Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY").unwrap()
}

fn signer() -> Signer {
    let endpoint = Endpoint::custom(&format!("http://{HOST}"), "us-east-1").unwrap();
    Signer::new(credentials(), endpoint, "photos").unwrap()
}

fn verify(method: &str, target: &str, headers: &[(String, String)], now: i64) -> Result<Verified, VerifyError> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut all: Vec<(&str, &[u8])> = vec![("Host", HOST.as_bytes())];
    all.extend(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    let request = IncomingRequest { method, path, query, headers: &all };
    let lookup = |key: &str| (key == credentials().access_key()).then(credentials);
    Verifier::new("us-east-1").verify(&request, lookup, now)
}

/// The path and query of a URL of [`signer`].
fn target(url: &str) -> String {
    url.strip_prefix("http://").and_then(|rest| rest.strip_prefix(HOST)).unwrap().to_owned()
}

fn keys() -> impl Strategy<Value = String> {
    "\\PC{1,40}".prop_filter("a key that can be signed", |key| check_key(key).is_ok())
}

fn moments() -> impl Strategy<Value = i64> {
    // Up to the last week of the year 9999, so that a URL can still end.
    0..253_401_000_000_i64
}

fn methods() -> impl Strategy<Value = Method> {
    prop_oneof![Just(Method::Get), Just(Method::Head), Just(Method::Put), Just(Method::Post), Just(Method::Delete)]
}

fn headers() -> impl Strategy<Value = Vec<(String, String)>> {
    let names = proptest::sample::subsequence(vec!["content-type", "if-match", "x-amz-acl", "X-Amz-Meta-Who"], 0..=4);
    (names, "[ -~]{0,20}")
        .prop_map(|(names, value)| names.into_iter().map(|name| (name.to_owned(), format!("v{value}"))).collect())
}

fn parameters() -> impl Strategy<Value = Vec<(String, String)>> {
    proptest::collection::vec(("[a-zA-Z0-9 _.~&=+-]{1,12}", "\\PC{0,12}"), 0..4)
}

fn request<'a>(
    method: Method,
    key: &'a str,
    query: &'a [(String, String)],
    headers: &'a [(String, String)],
) -> Request<'a> {
    let mut request = Request::on_key(method, key);
    for (name, value) in query {
        request = request.query(name, value);
    }
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request
}

type Decoded = (Vec<u8>, Vec<(Vec<u8>, Vec<u8>)>);

/// What a server makes of a target: bytes, whatever their encoding. Two targets with the same meaning are one request.
fn meaning(target: &str) -> Option<Decoded> {
    let decode = |text: &str, plus: bool| {
        let mut out = Vec::new();
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b'%' => {
                    let pair = [bytes.next()?, bytes.next()?];
                    out.push(u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?);
                }
                b'+' if plus => out.push(b' '),
                other => out.push(other),
            }
        }
        Some(out)
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs: Option<Vec<_>> = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name, true)?, decode(value, true)?))
        })
        .collect();
    let mut pairs = pairs?;
    pairs.sort();
    Some((decode(path, false)?, pairs))
}

/// Replaces one byte by another visible one.
fn alter(text: &str, at: Index, with: u8) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let at = at.index(bytes.len());
    bytes[at] = if bytes[at] == with { with ^ 1 } else { with };
    String::from_utf8(bytes).unwrap()
}

proptest! {
    // What failed once is turned into a test of its own, not into a file.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_presigned_url_verifies_until_it_ends(
        key in keys(), method in methods(), query in parameters(), headers in headers(),
        now in moments(), seconds in 1..=MAX_LIFE, after in any::<Index>(),
    ) {
        let validity = Validity::new(now, seconds).unwrap();
        let url = signer().presign(&request(method, &key, &query, &headers), validity).unwrap();
        let last = i64::from(seconds) - 1;
        let after = now + i64::try_from(after.index(usize::try_from(seconds).unwrap())).unwrap();
        for moment in [now, after, now + last] {
            let verified = verify(method.as_str(), &target(&url), &headers, moment);
            prop_assert!(verified.is_ok(), "{url}\n{verified:?}");
            prop_assert_eq!(verified.unwrap().expires_at, Some(validity.expires_at()));
        }
        let late = verify(method.as_str(), &target(&url), &headers, validity.expires_at());
        prop_assert!(matches!(late, Err(VerifyError::Expired { .. })), "{late:?}");
        let early = verify(method.as_str(), &target(&url), &headers, now - 901);
        prop_assert!(matches!(early, Err(VerifyError::NotYetValid { .. })), "{early:?}");
    }

    #[test]
    fn one_altered_byte_of_a_presigned_url_fails(
        key in keys(), query in parameters(), now in moments(), at in any::<Index>(), with in 0x21..0x7e_u8,
    ) {
        let url = signer().presign(&request(Method::Get, &key, &query, &[]), Validity::new(now, 600).unwrap()).unwrap();
        let whole = target(&url);
        let altered = alter(&whole, at, with);
        prop_assume!(meaning(&altered) != meaning(&whole));
        prop_assert!(verify("GET", &altered, &[], now).is_err(), "{altered}");
    }

    #[test]
    fn a_version_2_url_verifies_until_it_ends_and_no_altered_one_does(
        key in keys(), disposition in "[a-zA-Z0-9 =;+\"]{1,12}", now in moments(), at in any::<Index>(), with in 0x21..0x7e_u8,
    ) {
        let request = Request::put(&key)
            .query("response-content-disposition", disposition)
            .header("content-type", "image/jpeg")
            .header("x-amz-meta-who", "me");
        let whole = target(&signer().presign_v2(&request, Validity::new(now, 600).unwrap()).unwrap());
        let verifier = Verifier::new("us-east-1").with_version2(Vec::new());
        let holds = |method: &str, target: &str, content_type: &str, who: &str, now: i64| {
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let headers: [(&str, &[u8]); 3] =
                [("host", HOST.as_bytes()), ("content-type", content_type.as_bytes()), ("x-amz-meta-who", who.as_bytes())];
            let request = IncomingRequest { method, path, query, headers: &headers };
            verifier.verify(&request, |key| (key == credentials().access_key()).then(credentials), now).is_ok()
        };
        prop_assert!(holds("PUT", &whole, "image/jpeg", "me", now));
        prop_assert!(holds("PUT", &whole, "image/jpeg", "me", now + 599));
        prop_assert!(!holds("PUT", &whole, "image/jpeg", "me", now + 600));
        prop_assert!(!holds("GET", &whole, "image/jpeg", "me", now));
        prop_assert!(!holds("PUT", &whole, "image/jpeh", "me", now));
        prop_assert!(!holds("PUT", &whole, "image/jpeg", "you", now));
        let altered = alter(&whole, at, with);
        prop_assume!(meaning(&altered) != meaning(&whole));
        prop_assert!(!holds("PUT", &altered, "image/jpeg", "me", now), "{altered}");
    }

    #[test]
    fn another_method_or_header_fails(
        key in keys(), method in methods(), other in "[A-Z]{3,7}", headers in headers(), at in any::<Index>(), now in moments(),
    ) {
        let url = signer().presign(&request(method, &key, &[], &headers), Validity::new(now, 600).unwrap()).unwrap();
        if other != method.as_str() {
            prop_assert!(verify(&other, &target(&url), &headers, now).is_err());
        }
        if !headers.is_empty() {
            let which = at.index(headers.len());
            let mut altered = headers.clone();
            altered[which].1.insert(0, 'x');
            prop_assert!(verify(method.as_str(), &target(&url), &altered, now).is_err());
            let mut left_out = headers.clone();
            left_out.remove(which);
            prop_assert!(verify(method.as_str(), &target(&url), &left_out, now).is_err());
        }
        let mut added = headers.clone();
        added.push(("x-amz-copy-source".to_owned(), "photos/secret".to_owned()));
        let unsigned = verify(method.as_str(), &target(&url), &added, now);
        prop_assert!(matches!(unsigned, Err(VerifyError::UnsignedHeaders(_))), "{unsigned:?}");
    }

    #[test]
    fn a_header_signed_request_verifies_and_no_altered_one_does(
        key in keys(), method in methods(), query in parameters(), headers in headers(), digest in any::<[u8; 32]>(),
        now in 1_000..253_401_000_000_i64, which in any::<Index>(), at in any::<Index>(), with in 0x21..0x7e_u8,
    ) {
        let request = request(method, &key, &query, &headers);
        let signed = signer().sign(&request, Payload::Sha256(digest), now).unwrap();
        let whole = target(&signed.url);
        for clock in [now - 900, now, now + 900] {
            prop_assert!(verify(method.as_str(), &whole, &signed.headers, clock).is_ok());
        }
        for clock in [now - 901, now + 901] {
            let skewed = verify(method.as_str(), &whole, &signed.headers, clock);
            prop_assert!(matches!(skewed, Err(VerifyError::Skewed { .. })), "{skewed:?}");
        }
        let altered = alter(&whole, at, with);
        if meaning(&altered) != meaning(&whole) {
            prop_assert!(verify(method.as_str(), &altered, &signed.headers, now).is_err(), "{altered}");
        }
        // The date, the body's hash, the authorization or one of the caller's own headers.
        let mut headers = signed.headers.clone();
        let which = which.index(headers.len());
        headers[which].1 = alter(&headers[which].1, at, with);
        let canonical = |headers: &[(String, String)]| headers[which].1.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        if canonical(&headers) != canonical(&signed.headers) {
            prop_assert!(verify(method.as_str(), &whole, &headers, now).is_err(), "{:?}", headers[which]);
        }
    }

    #[test]
    fn a_post_form_verifies_and_no_altered_one_does(
        key in keys(), value in "\\PC{0,20}", now in moments(), which in any::<Index>(), at in any::<Index>(), with in 0x21..0x7e_u8,
    ) {
        let policy = PostPolicy::for_key(&key).unwrap().exact("x-amz-meta-who", &value).content_length(1, 10);
        let form = signer().post(&policy, Validity::new(now, 3_600).unwrap()).unwrap();
        let lookup = |_: &str| Some(credentials());
        let fields: Vec<(&str, &str)> = form.fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        let verifier = Verifier::new("us-east-1");
        let post = verifier.verify_post(&fields, lookup, now + 3_599).unwrap();
        post.policy.check_fields(&fields, "photos").unwrap();
        prop_assert_eq!(post.policy.content_length_range(), Some((1, 10)));
        prop_assert!(verifier.verify_post(&fields, lookup, now + 3_600).is_err());

        let ascii: Vec<usize> = (0..fields.len()).filter(|at| fields[*at].1.is_ascii() && !fields[*at].1.is_empty()).collect();
        let which = ascii[which.index(ascii.len())];
        let altered = alter(fields[which].1, at, with);
        let mut fields = fields.clone();
        fields[which].1 = &altered;
        let held = verifier.verify_post(&fields, lookup, now).is_ok_and(|post| post.policy.check_fields(&fields, "photos").is_ok());
        prop_assert!(!held, "{fields:?}");
    }

    #[test]
    fn an_address_survives_the_way_into_a_url_and_back(key in keys(), style in 0..5) {
        let custom = Endpoint::custom("http://store.example.org:9000/base", "garage").unwrap();
        let endpoint = match style {
            0 => custom,
            1 => Endpoint::custom("https://store.example.org", "garage").unwrap().with_addressing(Addressing::VirtualHost),
            2 => Endpoint::aws("eu-central-1").unwrap(),
            3 => Endpoint::aws_dual_stack("cn-north-1").unwrap(),
            _ => Endpoint::aws("us-gov-west-1").unwrap().with_addressing(Addressing::Path),
        };
        let url = endpoint.url("photos", &key).unwrap();
        let known = [endpoint.clone()];
        let address = Address::read(&url, if style < 2 { &known } else { &[] }).unwrap();
        prop_assert_eq!(address.bucket.as_deref(), Some("photos"));
        prop_assert_eq!(address.key.as_deref(), Some(key.as_str()));
        prop_assert_eq!(address.region.as_deref(), Some(endpoint.region()));
        prop_assert_eq!(address.url(&endpoint).unwrap().unwrap(), url);
        let uri = address.s3_uri().unwrap();
        prop_assume!(!key.contains("?versionId="));
        prop_assert_eq!(Address::read(&uri, &[]).unwrap().key, Some(key));
    }

    #[test]
    fn a_window_keeps_its_promise(
        every in 1..=302_400_u32, at_least in 1..=302_400_u32, now in moments(), left in proptest::option::of(0..700_000_i64),
    ) {
        let window = Window::new(every, at_least).unwrap();
        let end = left.map(|left| now + left);
        match window.at(now, end) {
            Ok(validity) => {
                prop_assert!(validity.remaining(now) >= at_least);
                prop_assert!(validity.remaining(now) <= every + at_least);
                prop_assert!(validity.seconds() <= MAX_LIFE);
                prop_assert!(end.is_none_or(|end| validity.expires_at() <= end));
                prop_assert!(validity.signed_at() <= now);
                // The same URL until the window ends.
                let next = validity.signed_at() + i64::from(every);
                prop_assert_eq!(window.at(next - 1, None).unwrap().signed_at(), validity.signed_at());
                prop_assert_eq!(window.at(next, None).unwrap().signed_at(), next);
            }
            Err(_) => prop_assert!(left.unwrap() < i64::from(at_least)),
        }
    }

    #[test]
    fn nothing_panics_whatever_comes(
        text in "\\PC*", query in "[a-zA-Z%&=+0-9-]*", bytes in proptest::collection::vec(any::<u8>(), 0..200), now in any::<i64>(),
    ) {
        let lookup = |_: &str| Some(credentials());
        let endpoint = Endpoint::custom("http://store.example.org", "garage").unwrap();
        let _ = Address::read(&text, std::slice::from_ref(&endpoint));
        let _ = Address::read(&format!("https://store.example.org/{text}?{query}"), &[endpoint]);
        let _ = Endpoint::custom(&text, "garage").map(|endpoint| endpoint.url("photos", &text));
        let _ = Policy::read(&text);
        let _ = Validity::new(now, 600).map(|validity| signer().presign(&Request::get(&text).query(&query, &text).header("x-y", &text), validity));
        let _ = Window::new(600, 600).map(|window| window.at(now, Some(now)));
        let headers: [(&str, &[u8]); 4] = [
            ("host", &bytes), ("authorization", text.as_bytes()), ("x-amz-date", &bytes), ("x-amz-content-sha256", b"UNSIGNED-PAYLOAD"),
        ];
        for headers in [&headers[..], &headers[..1]] {
            let request = IncomingRequest { method: &text, path: &text, query: &query, headers };
            let _ = Verifier::new("us-east-1").verify(&request, lookup, now);
            let presigned = format!("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature={query}&X-Amz-Credential={text}&X-Amz-Date={text}");
            let request = IncomingRequest { query: &presigned, ..request };
            let _ = Verifier::new("us-east-1").verify(&request, lookup, now);
        }
        let signed = format!("https://{text}/{query}?X-Amz-Credential={text}&X-Amz-Date={query}&X-Amz-SignedHeaders={text}&X-Amz-Signature={query}");
        let answer = format!("<Error><Code>SignatureDoesNotMatch</Code><StringToSign>{text}</StringToSign><CanonicalRequest>{text}</CanonicalRequest>");
        for (url, answer) in [(&text, &text), (&signed, &answer), (&signed, &text)] {
            let known = credentials();
            let headers = [(text.as_str(), query.as_str())];
            let evidence = Evidence::of(url).method(&text).headers(&headers).answer(answer).credentials(&known).prefix(&text);
            let _ = explain(&evidence, now).to_string();
        }
        let _ = Verifier::new("us-east-1").verify_post(&[("policy", &text), ("x-amz-credential", &text)], lookup, now);
    }

    #[test]
    fn a_chunked_body_never_panics_and_is_bounded(pieces in proptest::collection::vec(any::<Vec<u8>>(), 0..8), mode in 0..3_usize) {
        let mode = ["STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"][mode];
        let mut decoder = chunked(mode).chunk_decoder().unwrap();
        for head in [&b"5\r\nhello\r\n"[..], b"0\r\n"] {
            let _ = decoder.feed(head, |_| {});
        }
        let mut decoder = chunked(mode).chunk_decoder().unwrap();
        for piece in &pieces {
            if decoder.feed(piece, |_| {}).is_err() {
                break;
            }
        }
        let _ = decoder.finish();
    }
}

/// A request that announces a chunked body, signed as a client would.
fn chunked(mode: &str) -> Verified {
    let now = 1_369_353_600;
    // The crate signs no chunks itself, so the signature over such a request is taken from what the server expects.
    let authorization = |signature: &str| {
        format!(
            "AWS4-HMAC-SHA256 Credential={}/20130524/us-east-1/s3/aws4_request,\
             SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature={signature}",
            credentials().access_key()
        )
    };
    let headers = |signature: &str| {
        vec![
            ("x-amz-content-sha256".to_owned(), mode.to_owned()),
            ("x-amz-date".to_owned(), "20130524T000000Z".to_owned()),
            ("authorization".to_owned(), authorization(signature)),
        ]
    };
    let Err(VerifyError::Mismatch(mismatch)) = verify("PUT", "/photos/a", &headers("0"), now) else {
        panic!("a wrong signature is a mismatch");
    };
    verify("PUT", "/photos/a", &headers(&mac(&mismatch.string_to_sign)), now).unwrap()
}

fn mac(string_to_sign: &str) -> String {
    use sha2::{Digest as _, Sha256};
    let hmac = |key: &[u8], message: &[u8]| -> [u8; 32] {
        let pad = |with: u8| {
            let mut block = [0; 64];
            block[..key.len()].copy_from_slice(key);
            block.map(|byte| byte ^ with)
        };
        let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
        Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().into()
    };
    let mut key = format!("AWS4{}", credentials().secret_key()).into_bytes();
    for step in ["20130524", "us-east-1", "s3", "aws4_request"] {
        key = hmac(&key, step.as_bytes()).to_vec();
    }
    hmac(&key, string_to_sign.as_bytes()).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
