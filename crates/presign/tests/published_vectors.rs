//! Holds signing and verifying to the values that AWS publishes in its documentation of S3.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report, in its helpers too")]

use strongroom_presign::{
    Addressing, BodyRule, Credentials, Endpoint, IncomingRequest, Payload, Policy, Request, Signer, Validity, Verified,
    Verifier,
};

const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
/// 24 May 2013, midnight.
const NOW: i64 = 1_369_353_600;
const EMPTY: &[u8] = b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn credentials() -> Credentials {
    Credentials::new(ACCESS_KEY, SECRET_KEY).unwrap()
}

fn signer() -> Signer {
    let endpoint = Endpoint::custom("https://s3.amazonaws.com", "us-east-1").unwrap();
    Signer::new(credentials(), endpoint.with_addressing(Addressing::VirtualHost), "examplebucket").unwrap()
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>
#[test]
fn the_documented_presigned_url_is_made_to_the_letter() {
    let url = signer().presign(&Request::get("test.txt"), Validity::new(NOW, 86_400).unwrap()).unwrap();
    assert_eq!(
        url,
        "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z\
         &X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
         &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    );
}

fn verify(method: &str, path: &str, query: &str, headers: &[(&str, &[u8])], signature: &str) -> Verified {
    let mut names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    let names = names.join(";");
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20130524/us-east-1/s3/aws4_request,SignedHeaders={names},Signature={signature}"
    );
    let mut headers = headers.to_vec();
    headers.push(("Authorization", authorization.as_bytes()));
    let request = IncomingRequest { method, path, query, headers: &headers };
    let lookup = |key: &str| (key == ACCESS_KEY).then(credentials);
    Verifier::new("us-east-1").verify(&request, lookup, NOW).unwrap()
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>
#[test]
fn the_documented_header_signatures_verify() {
    let host: (&str, &[u8]) = ("host", b"examplebucket.s3.amazonaws.com");
    let date: (&str, &[u8]) = ("x-amz-date", b"20130524T000000Z");
    let empty = ("x-amz-content-sha256", EMPTY);
    let get = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
    verify("GET", "/test.txt", "", &[host, ("range", b"bytes=0-9"), empty, date], get);
    let lifecycle = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543";
    verify("GET", "/", "lifecycle", &[host, empty, date], lifecycle);
    let list = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
    verify("GET", "/", "max-keys=2&prefix=J", &[host, empty, date], list);
    let put = [
        ("date", b"Fri, 24 May 2013 00:00:00 GMT".as_slice()),
        host,
        ("x-amz-content-sha256", b"44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
        date,
        ("x-amz-storage-class", b"REDUCED_REDUNDANCY"),
    ];
    let signature = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd";
    let verified = verify("PUT", "/test$file.text", "", &put, signature);
    assert!(matches!(verified.body, BodyRule::Sha256(_)));
}

#[test]
fn the_documented_header_signatures_are_made() {
    let signed = signer().sign(&Request::get("test.txt").header("Range", "bytes=0-9"), Payload::Empty, NOW).unwrap();
    assert_eq!(signed.url, "https://examplebucket.s3.amazonaws.com/test.txt");
    let authorization = signed.headers.iter().find(|(name, _)| name == "authorization").unwrap();
    assert_eq!(
        authorization.1,
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
         SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, \
         Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    );
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>
#[test]
fn the_documented_chunks_verify() {
    let headers: [(&str, &[u8]); 7] = [
        ("content-encoding", b"aws-chunked"),
        ("content-length", b"66824"),
        ("host", b"s3.amazonaws.com"),
        ("x-amz-content-sha256", b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
        ("x-amz-date", b"20130524T000000Z"),
        ("x-amz-decoded-content-length", b"66560"),
        ("x-amz-storage-class", b"REDUCED_REDUNDANCY"),
    ];
    let seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
    let mut body = Vec::new();
    for (size, signature) in [
        (65_536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
        (1_024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
        (0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
    ] {
        body.extend_from_slice(format!("{size:x};chunk-signature={signature}\r\n").as_bytes());
        body.extend(std::iter::repeat_n(b'a', size));
        body.extend_from_slice(b"\r\n");
    }
    assert_eq!(body.len(), 66_824);
    let verified = verify("PUT", "/examplebucket/chunkObject.txt", "", &headers, seed);
    for step in [1, 7, 4_096, body.len()] {
        let mut decoder = verified.chunk_decoder().unwrap();
        let mut length = 0;
        for piece in body.chunks(step) {
            decoder.feed(piece, |bytes| length += bytes.len()).unwrap();
        }
        assert_eq!(decoder.finish().unwrap(), []);
        assert_eq!(length, 66_560);
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>
#[test]
fn the_documented_trailer_verifies() {
    let headers: [(&str, &[u8]); 7] = [
        ("content-encoding", b"aws-chunked"),
        ("host", b"s3.amazonaws.com"),
        ("x-amz-content-sha256", b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"),
        ("x-amz-date", b"20130524T000000Z"),
        ("x-amz-decoded-content-length", b"66560"),
        ("x-amz-storage-class", b"REDUCED_REDUNDANCY"),
        ("x-amz-trailer", b"x-amz-checksum-crc32c"),
    ];
    let seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
    let mut body = Vec::new();
    for (size, signature) in [
        (65_536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"),
        (1_024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"),
    ] {
        body.extend_from_slice(format!("{size:x};chunk-signature={signature}\r\n").as_bytes());
        body.extend(std::iter::repeat_n(b'a', size));
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(
        b"0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n\
          x-amz-checksum-crc32c:sOO8/Q==\r\n\
          x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n",
    );
    let verified = verify("PUT", "/examplebucket/chunkObject.txt", "", &headers, seed);
    let mut decoder = verified.chunk_decoder().unwrap();
    decoder.feed(&body, |_| {}).unwrap();
    assert_eq!(decoder.finish().unwrap(), [("x-amz-checksum-crc32c".to_owned(), "sOO8/Q==".to_owned())]);
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html>
#[test]
fn the_documented_post_policy_verifies() {
    let policy = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9";
    let fields = [
        ("key", "user/user1/cat.jpg"),
        ("acl", "public-read"),
        ("success_action_redirect", "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"),
        ("Content-Type", "image/jpeg"),
        ("x-amz-meta-uuid", "14365123651274"),
        ("x-amz-server-side-encryption", "AES256"),
        ("X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"),
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Date", "20151229T000000Z"),
        ("x-amz-meta-tag", ""),
        ("Policy", policy),
        ("X-Amz-Signature", "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"),
    ];
    // Half a day after signing: a policy lives until its own end, not for the fifteen minutes of a request.
    let now = 1_451_347_200 + 43_200;
    let post = Verifier::new("us-east-1").verify_post(&fields, |_| Some(credentials()), now).unwrap();
    assert_eq!(post.access_key, ACCESS_KEY);
    assert_eq!(post.policy, Policy::read(policy).unwrap());
    post.policy.check_fields(&fields, "sigv4examplebucket").unwrap();
    assert!(post.policy.check_fields(&fields, "another-bucket").is_err());
}
