//! What cannot be signed is refused with an error that names the rule.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report, in its helpers too")]

use strongroom_presign::{
    Addressing, BucketError, Credentials, CredentialsError, Endpoint, EndpointError, HeaderError, IncomingRequest,
    KeyError, MAX_LIFE, Payload, PostPolicy, Request, SignError, Signer, UrlError, Validity, ValidityError, Verifier,
    VerifyError, Window, check_bucket, check_key,
};

const NOW: i64 = 1_369_353_600;

fn signer() -> Signer {
    Signer::new(Credentials::new("AK", "secret").unwrap(), Endpoint::aws("us-east-1").unwrap(), "photos").unwrap()
}

fn life() -> Validity {
    Validity::new(NOW, 300).unwrap()
}

#[test]
fn keys_that_would_name_another_object_are_refused() {
    for (key, rule) in [
        ("", KeyError::Empty),
        (".", KeyError::DotSegment),
        ("..", KeyError::DotSegment),
        ("a/./b", KeyError::DotSegment),
        ("a/../b", KeyError::DotSegment),
        ("../a", KeyError::DotSegment),
        ("a/..", KeyError::DotSegment),
        ("a/ä/../b", KeyError::DotSegment),
        ("a\nb", KeyError::ControlCharacter(10)),
        ("a\u{7f}", KeyError::ControlCharacter(0x7f)),
        ("a\u{85}", KeyError::ControlCharacter(0x85)),
    ] {
        assert_eq!(check_key(key), Err(rule.clone()), "{key:?}");
        assert_eq!(signer().presign(&Request::get(key), life()), Err(SignError::Key(rule.clone())), "{key:?}");
        assert_eq!(PostPolicy::for_key(key).map(drop), Err(rule), "{key:?}");
    }
    let long = "a".repeat(1_025);
    assert_eq!(check_key(&long), Err(KeyError::TooLong(1_025)));
    assert_eq!(check_key(&long[1..]), Ok(()));
}

#[test]
fn keys_that_only_look_odd_are_signed_as_they_are() {
    for (key, path) in [
        ("...", "/..."),
        (".hidden/..a/b.", "/.hidden/..a/b."),
        ("a//b", "/a//b"),
        ("/leading", "//leading"),
        ("trailing/", "/trailing/"),
        ("a%2Fb", "/a%252Fb"),
        ("a+b c", "/a%2Bb%20c"),
        ("é", "/%C3%A9"),
    ] {
        let url = signer().presign(&Request::get(key), life()).unwrap();
        let (before, _) = url.split_once('?').unwrap();
        assert_eq!(before, format!("https://photos.s3.us-east-1.amazonaws.com{path}"));
    }
}

#[test]
fn lives_that_a_store_refuses_are_refused() {
    assert_eq!(Validity::new(NOW, 0), Err(ValidityError::Zero));
    assert_eq!(Validity::new(NOW, MAX_LIFE + 1), Err(ValidityError::OverSevenDays(604_801)));
    assert_eq!(Window::new(0, 300), Err(ValidityError::Zero));
    assert_eq!(Window::new(604_500, 301), Err(ValidityError::OverSevenDays(604_801)));
    for now in [i64::MIN, -1, i64::MAX] {
        let validity = Validity::new(now, 300).unwrap();
        assert_eq!(signer().presign(&Request::get("a"), validity), Err(SignError::Validity(ValidityError::Time(now))));
    }
}

#[test]
fn no_url_outlives_its_credentials() {
    let credentials =
        Credentials::new("AK", "secret").unwrap().with_session_token("token").unwrap().with_expiry(NOW + 200);
    let signer = Signer::new(credentials, Endpoint::aws("us-east-1").unwrap(), "photos").unwrap();
    let ends = ValidityError::CredentialsEnd { end: NOW + 200, needed: NOW + 300 };
    assert_eq!(signer.presign(&Request::get("a"), life()), Err(SignError::Validity(ends)));
    assert_eq!(signer.post(&PostPolicy::for_key("a").unwrap(), life()), Err(SignError::Validity(ends)));
    let shorter = signer.stable(Window::new(3_600, 100).unwrap(), NOW).unwrap();
    assert_eq!(shorter.expires_at(), NOW + 200);
    assert!(signer.stable(Window::new(3_600, 201).unwrap(), NOW).is_err());
    assert!(signer.sign(&Request::get("a"), Payload::Empty, NOW + 200).is_err());
}

#[test]
fn headers_and_parameters_that_would_break_a_signature_are_refused() {
    let presign = |request: &Request<'_>| signer().presign(request, life()).unwrap_err();
    let header = |name: &'static str, value: &'static str| presign(&Request::put("a").header(name, value));
    assert_eq!(header("a b", "x"), SignError::Header(HeaderError::Name("a b".into())));
    assert_eq!(header("x-a", "x\r\nHost: evil"), SignError::Header(HeaderError::Value("x-a".into())));
    assert_eq!(header("Host", "evil"), SignError::Header(HeaderError::Twice("host".into())));
    assert_eq!(header("User-Agent", "x"), SignError::Header(HeaderError::Twice("user-agent".into())));
    let query = |name: &'static str| presign(&Request::get("a").query(name, "x"));
    assert_eq!(query("X-Amz-Expires"), SignError::Query("X-Amz-Expires".into()));
    assert_eq!(query("x-amz-signature"), SignError::Query("x-amz-signature".into()));
    assert_eq!(query(""), SignError::Query(String::new()));
    for part in [0, 10_001] {
        let error = presign(&Request::upload_part("a", "id", part));
        assert_eq!(error, SignError::PartNumber(part.to_string()));
    }
    let old = signer().presign_v2(&Request::get("a").header("range", "bytes=0-1"), life());
    assert_eq!(old, Err(SignError::NotInVersion2("range".into())));
}

#[test]
fn forms_that_no_store_could_hold_anyone_to_are_refused() {
    let policy = || PostPolicy::for_key("a").unwrap();
    let post = |policy: &PostPolicy| signer().post(policy, life()).map(drop);
    let field = |field: &str, why: &'static str| Err(SignError::Field { field: field.to_owned(), why });
    assert_eq!(post(&policy().content_length(10, 1)), Err(SignError::NoLength { least: 10, most: 1 }));
    assert_eq!(post(&policy().content_length(1, 1)), Ok(()));
    for status in [200, 201, 204] {
        assert_eq!(post(&policy().success_status(status)), Ok(()));
    }
    assert_eq!(post(&policy().success_status(302)), field("success_action_status", "is not 200, 201 or 204"));
    let starts = |value| post(&policy().starts_with("Content-Type", "image/", value));
    assert_eq!(starts("image/png"), Ok(()));
    assert_eq!(starts("text/html"), field("Content-Type", "does not begin with what its policy demands"));
    for name in ["bucket", "Policy", "x-amz-date", "X-Amz-Signature", "x-amz-security-token", "AWSAccessKeyId", "file"]
    {
        assert_eq!(post(&policy().exact(name, "x")), field(name, "is one that signing itself sets"));
    }
    assert_eq!(post(&policy().exact("KEY", "b")), field("KEY", "is given twice"));
    assert_eq!(post(&policy().exact("", "b")), field("", "has no name"));
    for (name, value) in [("x-amz-meta-a", "b\r\nc"), ("x-amz-meta-\u{7f}", "b")] {
        let control = field(name, "has a control character, which forms do not carry unchanged");
        assert_eq!(post(&policy().exact(name, value)), control);
    }
    // What was wrong first is said, whatever follows.
    let both = policy().content_length(2, 1).exact("key", "b");
    assert_eq!(post(&both), Err(SignError::NoLength { least: 2, most: 1 }));
}

#[test]
fn requests_that_would_mean_others_are_refused() {
    let presign = |request: &Request<'_>| signer().presign(request, life()).unwrap_err();
    assert_eq!(presign(&Request::abort_multipart("a", "")), SignError::NoUploadId);
    assert_eq!(presign(&Request::upload_part("a", "", 1)), SignError::NoUploadId);
    let copy = |bucket, key| Request::copy("a", bucket, key, None).map(drop);
    assert_eq!(copy("photos", "b c"), Ok(()));
    assert_eq!(copy("photos", "b/../c"), Err(SignError::Key(KeyError::DotSegment)));
    assert_eq!(copy("photos", ""), Err(SignError::Key(KeyError::Empty)));
    assert_eq!(copy("../photos", "b"), Err(SignError::Bucket(BucketError("../photos".to_owned()))));
}

#[test]
fn places_that_are_none_are_refused() {
    for url in [
        "ftp://x",
        "x",
        "http://",
        "http://a b",
        "http://u@x",
        "http://x:0",
        "http://x:99999",
        "http://[::1",
        "http://x:",
    ] {
        assert!(Endpoint::custom(url, "us-east-1").is_err(), "{url}");
    }
    for url in ["http://x/?a", "http://x/#a", "http://x/a/../b", "http://x/%20"] {
        assert!(matches!(Endpoint::custom(url, "us-east-1"), Err(EndpointError::Path(_))), "{url}");
    }
    for region in ["", "us east", "us/east", "é"] {
        assert!(matches!(Endpoint::custom("http://x", region), Err(EndpointError::Region(_))), "{region}");
    }
    for region in ["", "us east", "us/east", "é", "EU-WEST-1", "us_east_1"] {
        for made in [Endpoint::aws(region), Endpoint::aws_dual_stack(region), Endpoint::aws_accelerate(region, false)] {
            assert_eq!(made, Err(EndpointError::AwsRegion(region.to_owned())));
        }
    }
    // Other stores name theirs as they like.
    assert!(Endpoint::custom("https://swift.example.org", "RegionOne").is_ok());
    assert!(matches!(Endpoint::aws_accelerate("cn-north-1", false), Err(EndpointError::NotAccelerated(_))));
    for bucket in ["", "ab", "a/b", "a..b", "-ab", "ab-", "a b"] {
        assert!(check_bucket(bucket).is_err(), "{bucket}");
    }
}

#[test]
fn no_host_of_all_buckets_is_taken_for_one_buckets_own() {
    let sign = |endpoint: Endpoint| {
        let endpoint = endpoint.with_addressing(Addressing::CustomDomain);
        let url = endpoint.url("photos", "albums/cat.jpg");
        let signer = Signer::new(Credentials::new("AK", "secret").unwrap(), endpoint, "photos");
        assert_eq!(signer.as_ref().err(), url.as_ref().err());
        url
    };
    for endpoint in [
        Endpoint::aws("eu-west-1").unwrap(),
        Endpoint::aws("cn-north-1").unwrap(),
        Endpoint::aws_dual_stack("eu-west-1").unwrap(),
        Endpoint::aws_accelerate("eu-west-1", true).unwrap(),
        Endpoint::custom("https://s3-eu-west-1.amazonaws.com", "eu-west-1").unwrap(),
    ] {
        let refused = UrlError::NotOfOneBucket(endpoint.authority().to_owned());
        assert_eq!(sign(endpoint), Err(refused));
    }
    for host in ["https://media.example.org", "https://photos.s3.eu-west-1.amazonaws.com"] {
        assert_eq!(sign(Endpoint::custom(host, "eu-west-1").unwrap()), Ok(format!("{host}/albums/cat.jpg")));
    }
}

#[test]
fn a_bucket_stands_in_the_host_only_where_it_can() {
    for (host, url) in [
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000/photos/a"),
        ("https://127.0.0.1", "https://127.0.0.1/photos/a"),
        ("http://[::1]:9000", "http://[::1]:9000/photos/a"),
        ("http://localhost:9000", "http://photos.localhost:9000/a"),
        ("https://1.2.3.4.example.org", "https://photos.1.2.3.4.example.org/a"),
    ] {
        let endpoint = Endpoint::custom(host, "us-east-1").unwrap().with_addressing(Addressing::VirtualHost);
        assert_eq!(endpoint.url("photos", "a").as_deref(), Ok(url));
    }
    let accelerated = Endpoint::aws_accelerate("us-east-1", false).unwrap();
    for bucket in ["dotted.bucket", "Photos", "under_score"] {
        for addressing in [Addressing::VirtualHost, Addressing::Path] {
            let endpoint = accelerated.clone().with_addressing(addressing);
            let refused = UrlError::NotAccelerated(bucket.to_owned());
            assert_eq!(endpoint.url(bucket, "a"), Err(refused.clone()));
            let signer = Signer::new(Credentials::new("AK", "secret").unwrap(), endpoint, bucket);
            assert_eq!(signer.unwrap_err(), refused);
        }
    }
    assert_eq!(accelerated.url("photos", "a").unwrap(), "https://photos.s3-accelerate.amazonaws.com/a");
}

#[test]
fn hosts_are_written_as_clients_send_them() {
    for (url, host) in [
        ("HTTPS://Store.Example.ORG:443", "store.example.org"),
        ("http://store.example.org:80/", "store.example.org"),
        ("http://store.example.org:443", "store.example.org:443"),
        ("http://[::1]:9000", "[::1]:9000"),
    ] {
        assert_eq!(Endpoint::custom(url, "us-east-1").unwrap().authority(), host);
    }
}

#[test]
fn secrets_are_refused_and_shown_without_being_repeated() {
    assert_eq!(Credentials::new("", "s").unwrap_err(), CredentialsError::AccessKey);
    assert_eq!(Credentials::new("a/b", "s").unwrap_err(), CredentialsError::AccessKey);
    assert_eq!(Credentials::new("AK", "").unwrap_err(), CredentialsError::SecretLength);
    let credentials = Credentials::new("AK", "very-secret").unwrap();
    assert_eq!(credentials.clone().with_session_token("a\nb").unwrap_err(), CredentialsError::Token);
    let credentials = credentials.with_session_token("very-token").unwrap();
    let signer = Signer::new(credentials.clone(), Endpoint::aws("us-east-1").unwrap(), "photos").unwrap();
    signer.presign(&Request::get("a"), life()).unwrap();
    let to_send = signer.sign(&Request::get("a"), Payload::Empty, NOW).unwrap();
    let form = signer.post(&PostPolicy::for_key("a").unwrap(), life()).unwrap();
    let policy = form.fields.iter().find(|(name, _)| name == "policy").unwrap().1.as_str();
    assert!(!format!("{form:?}").contains(policy), "the policy has the token in it");
    let mut headers: Vec<(&str, &[u8])> = vec![("host", b"photos.s3.us-east-1.amazonaws.com")];
    headers.extend(to_send.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    let request = IncomingRequest { method: "GET", path: "/b", query: "", headers: &headers };
    let mismatch = Verifier::new("us-east-1").verify(&request, |_| Some(credentials.clone()), NOW).unwrap_err();
    assert!(matches!(&mismatch, VerifyError::Mismatch(found) if found.canonical_request.contains("very-token")));
    for shown in [
        format!("{credentials:?}"),
        format!("{signer:?}"),
        format!("{to_send:?}"),
        format!("{form:?}"),
        format!("{mismatch:?} {mismatch}"),
    ] {
        assert!(!shown.contains("very-secret") && !shown.contains("very-token"), "{shown}");
    }
}
