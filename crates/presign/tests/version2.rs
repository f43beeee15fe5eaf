//! Signature Version 2 on the server's side: off by default, and as strict as it can be where it is on.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report, in its helpers too")]

use strongroom_presign::{Credentials, Endpoint, IncomingRequest, Request, Signer, Validity, Verifier, VerifyError};

/// A request for a URL of `http://old.example.org`.
fn old_request<'a>(method: &'a str, url: &'a str, headers: &'a [(&'a str, &'a [u8])]) -> IncomingRequest<'a> {
    let (path, query) = url.strip_prefix("http://old.example.org").unwrap().split_once('?').unwrap();
    IncomingRequest { method, path, query, headers }
}

#[test]
fn version_2_is_taken_only_where_it_is_switched_on_and_covers_what_a_server_obeys() {
    let credentials = Credentials::new("AK", "secret").unwrap();
    let endpoint = Endpoint::custom("http://old.example.org", "us-east-1").unwrap();
    let signer = Signer::new(credentials.clone(), endpoint, "photos").unwrap();
    let lookup = |key: &str| (key == "AK").then(|| credentials.clone());
    let now = 1_369_353_600;
    let url = signer.presign_v2(&Request::get("cat.jpg"), Validity::new(now, 300).unwrap()).unwrap();
    let host: [(&str, &[u8]); 1] = [("host", b"old.example.org")];
    let off = Verifier::new("us-east-1");
    let on = off.clone().with_version2(Vec::new());
    assert_eq!(off.verify(&old_request("GET", &url, &host), lookup, now).unwrap_err(), VerifyError::SigV2Off);
    let verified = on.verify(&old_request("GET", &url, &host), lookup, now).unwrap();
    assert_eq!((verified.access_key.as_str(), verified.expires_at), ("AK", Some(now + 300)));
    let refused = |method: &str, url: &str, headers: &[(&str, &[u8])], now: i64| {
        on.verify(&old_request(method, url, headers), lookup, now).unwrap_err()
    };
    assert!(matches!(refused("GET", &url, &host, now + 300), VerifyError::Expired { .. }));
    assert!(matches!(refused("PUT", &url, &host, now), VerifyError::Mismatch(_)));
    assert!(matches!(refused("GET", &url.replace("cat", "dog"), &host, now), VerifyError::Mismatch(_)));
    for added in ["&response-content-type=text/html", "&versionId=1", "&x-amz-copy-source=/photos/dog.jpg", "&acl"] {
        assert!(matches!(refused("GET", &format!("{url}{added}"), &host, now), VerifyError::Mismatch(_)), "{added}");
    }
    assert!(matches!(refused("GET", &format!("{url}&attributes"), &host, now), VerifyError::Malformed { .. }));
    let obeyed: [(&str, &[u8]); 2] = [("host", b"old.example.org"), ("X-Amz-Copy-Source", b"/photos/dog.jpg")];
    assert!(matches!(refused("GET", &url, &obeyed, now), VerifyError::Mismatch(_)));
    let long = signer.presign_v2(&Request::get("cat.jpg"), Validity::new(now, 604_800).unwrap()).unwrap();
    assert!(matches!(refused("GET", &long, &host, now - 10), VerifyError::Life(604_810)));
    assert_eq!(refused("GET", &url, &host, i64::MIN), VerifyError::Life(i64::MAX.unsigned_abs()));
    assert!(matches!(refused("GET", &url, &host, i64::MAX), VerifyError::Expired { .. }));
}

#[test]
fn a_version_2_header_is_held_to_its_date() {
    // The first example of AWS's page on Version 2 signatures.
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY").unwrap();
    let lookup = |key: &str| (key == "AKIAIOSFODNN7EXAMPLE").then(|| credentials.clone());
    let verifier = Verifier::new("us-east-1").with_version2(vec!["s3.amazonaws.com".to_owned()]);
    let verify = |date: &str, now: i64| {
        let headers: [(&str, &[u8]); 3] = [
            ("host", b"awsexamplebucket1.us-west-1.s3.amazonaws.com"),
            ("date", date.as_bytes()),
            ("authorization", b"AWS AKIAIOSFODNN7EXAMPLE:qgk2+6Sv9/oM7G3qLEjTH1a1l1g="),
        ];
        // The region in the host is no part of the bucket, so the domain has it here.
        let verifier = verifier.clone().with_version2(vec!["us-west-1.s3.amazonaws.com".to_owned()]);
        let request = IncomingRequest { method: "GET", path: "/photos/puppy.jpg", query: "", headers: &headers };
        verifier.verify(&request, lookup, now).map(|verified| verified.signed_at)
    };
    let date = "Tue, 27 Mar 2007 19:36:42 +0000";
    assert_eq!(verify(date, 1_175_024_202), Ok(1_175_024_202));
    assert!(matches!(verify(date, 1_175_024_202 + 901), Err(VerifyError::Skewed { .. })));
    assert!(matches!(verify("Tue, 27 Mar 2007 19:36:43 +0000", 1_175_024_202), Err(VerifyError::Mismatch(_))));
}

#[test]
fn what_no_header_could_carry_passes_for_no_other_headers() {
    // A URL that its maker signed with two headers, whose lines somebody puts into one parameter.
    let credentials = Credentials::new("AK", "secret").unwrap();
    let lookup = |key: &str| (key == "AK").then(|| credentials.clone());
    let endpoint = Endpoint::custom("http://old.example.org", "us-east-1").unwrap();
    let signer = Signer::new(credentials.clone(), endpoint, "photos").unwrap();
    let now = 1_369_353_600;
    let url = signer.presign_v2(&Request::get("cat.jpg"), Validity::new(now, 300).unwrap()).unwrap();
    let host: [(&str, &[u8]); 1] = [("host", b"old.example.org")];
    let verifier = Verifier::new("us-east-1").with_version2(Vec::new());
    for added in [
        "x-amz-acl=private%0Ax-amz-meta-a:b",
        "x-amz-acl=%20private",
        "x-amz-acl=private%20",
        "x-amz-acl:private%0Ax-amz-meta-a=b",
        "x-amz-%C3%BC=b",
        "x-amz-acl=private&X-Amz-Acl=public-read",
    ] {
        let url = format!("{url}&{added}");
        let refused = verifier.verify(&old_request("GET", &url, &host), lookup, now).unwrap_err();
        assert!(matches!(&refused, VerifyError::Malformed { .. }), "{added}: {refused:?}");
    }
    let named: [(&str, &[u8]); 2] = [("host", b"old.example.org"), ("x-amz-acl", b"private")];
    let url = format!("{url}&x-amz-acl=private");
    let refused = verifier.verify(&old_request("GET", &url, &named), lookup, now).unwrap_err();
    assert!(matches!(refused, VerifyError::Malformed { .. }));
}

#[test]
fn a_request_signed_in_its_headers_has_none_of_them_in_its_query() {
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY").unwrap();
    let lookup = |key: &str| (key == "AKIAIOSFODNN7EXAMPLE").then(|| credentials.clone());
    let verifier = Verifier::new("us-east-1").with_version2(vec!["us-west-1.s3.amazonaws.com".to_owned()]);
    let verify = |host: &str, query: &str| {
        let headers: [(&str, &[u8]); 3] = [
            ("host", host.as_bytes()),
            ("date", b"Tue, 27 Mar 2007 19:36:42 +0000"),
            ("authorization", b"AWS AKIAIOSFODNN7EXAMPLE:qgk2+6Sv9/oM7G3qLEjTH1a1l1g="),
        ];
        let request = IncomingRequest { method: "GET", path: "/photos/puppy.jpg", query, headers: &headers };
        verifier.verify(&request, lookup, 1_175_024_202).map(|_| ())
    };
    let host = "awsexamplebucket1.us-west-1.s3.amazonaws.com";
    assert_eq!(verify(host, ""), Ok(()));
    assert!(matches!(verify(host, "x-amz-acl=private"), Err(VerifyError::Malformed { .. })));
    // A port is digits; whatever else follows a colon is a part of the name, and names no bucket here.
    assert_eq!(verify(&format!("{host}:8080"), ""), Ok(()));
    assert!(matches!(verify(&format!("{host}:x"), ""), Err(VerifyError::Mismatch(_))));
}

#[test]
fn a_body_announced_twice_is_refused_however_it_was_signed() {
    use base64::Engine as _;
    use hmac::Mac as _;
    let credentials = Credentials::new("AK", "secret").unwrap();
    let lookup = |key: &str| (key == "AK").then(|| credentials.clone());
    let verifier = Verifier::new("us-east-1").with_version2(Vec::new());
    let date = "Tue, 27 Mar 2007 19:36:42 +0000";
    let verify = |payloads: &[&str]| {
        // Version 2 signs headers of one name as one, with their values in the order in which they came.
        let signed = payloads.join(",");
        let text = format!("PUT\n\n\n{date}\nx-amz-content-sha256:{signed}\n/photos/cat.jpg");
        let mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(b"secret").unwrap().chain_update(text).finalize();
        let signature = base64::engine::general_purpose::STANDARD.encode(mac.into_bytes());
        let authorization = format!("AWS AK:{signature}");
        let mut headers: Vec<(&str, &[u8])> =
            vec![("host", b"old.example.org"), ("date", date.as_bytes()), ("authorization", authorization.as_bytes())];
        headers.extend(payloads.iter().map(|payload| ("x-amz-content-sha256", payload.as_bytes())));
        let request = IncomingRequest { method: "PUT", path: "/photos/cat.jpg", query: "", headers: &headers };
        verifier.verify(&request, lookup, 1_175_024_202).map(|_| ())
    };
    let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(verify(&["UNSIGNED-PAYLOAD"]), Ok(()));
    assert_eq!(verify(&[hash]), Ok(()));
    for twice in [["UNSIGNED-PAYLOAD", hash], [hash, "UNSIGNED-PAYLOAD"], [hash, hash]] {
        assert!(matches!(verify(&twice), Err(VerifyError::Malformed { .. })), "{twice:?}");
    }
}
