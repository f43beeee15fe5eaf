//! Signs 2,000 generated cases with boto3 and with this crate at the same clock, and finds the same signature in each.
//!
//! Needs a Python with boto3, named by `STRONGROOM_TEST_PYTHON`.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report, in its helpers too")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use strongroom_presign::{
    Addressing, Credentials, Endpoint, IncomingRequest, Method, Payload, PostPolicy, Request, Signer, Validity,
    Verifier,
};

const CASES: usize = 2_000;
const UPLOAD_ID: &str = "2~x.y_z-VXBsb2FkSWQ+/=";

#[test]
fn boto3_makes_the_same_signatures() {
    let mut luck = Luck(0x5EED_0000_57A7_1C5E);
    let cases: Vec<Case> = (0..CASES).map(|number| Case::draw(number, &mut luck)).collect();
    let answers = ask_boto3(&cases);
    assert_eq!(answers.len(), CASES, "boto3 answered only a part of the cases");
    for (case, answer) in cases.iter().zip(&answers) {
        case.compare(answer);
    }
}

#[expect(clippy::disallowed_methods, reason = "the test is told by the environment which Python has boto3")]
fn ask_boto3(cases: &[Case]) -> Vec<Value> {
    let python = std::env::var("STRONGROOM_TEST_PYTHON").expect(
        "STRONGROOM_TEST_PYTHON must name a Python that has boto3: `cargo xtask test` makes one, or run \
         `python3 -m venv V && V/bin/pip install boto3` and set it to V/bin/python",
    );
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/boto3_signatures.py");
    let mut child = Command::new(python)
        .arg(script)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("STRONGROOM_TEST_PYTHON can be started");
    let mut stdin = child.stdin.take().unwrap();
    let questions: String = cases.iter().fold(String::new(), |mut text, case| {
        writeln!(text, "{}", case.question).unwrap();
        text
    });
    let writer = std::thread::spawn(move || stdin.write_all(questions.as_bytes()));
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let answers = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    writer.join().unwrap().unwrap();
    assert!(child.wait().unwrap().success(), "boto3 refused a case");
    answers
}

/// One case: what boto3 is asked, and what this crate signs for it.
struct Case {
    question: Value,
    credentials: Credentials,
    signer: Signer,
    now: i64,
    seconds: u32,
    what: What,
}

enum What {
    Url(Request<'static>),
    OldUrl(Request<'static>),
    Headers(Request<'static>),
    Form,
}

impl Case {
    fn draw(number: usize, luck: &mut Luck) -> Self {
        let (credentials, who) = identity(luck);
        let (endpoint, place) = place(luck);
        let bucket = *luck.pick(&["photos", "my-bucket-2", "dotted.bucket.name"]);
        // Acceleration cannot be had for a bucket with dots, and boto3 says so.
        let bucket = if place["accelerate"] == true { "photos" } else { bucket };
        let signer = Signer::new(credentials.clone(), endpoint, bucket).unwrap();
        let now = 1_000_000_000 + i64::try_from(luck.below(3_000_000_000)).unwrap();
        let seconds = 1 + u32::try_from(luck.below(604_800)).unwrap();
        let key: &'static str = Box::leak(key(luck).into_boxed_str());
        let mut question = json!({ "who": who, "place": place, "now": now, "seconds": seconds, "version": "s3v4" });
        let what = match number % 10 {
            0 => {
                question["kind"] = "headers".into();
                let request = plain_request(luck, key);
                let unsigned = signer.presign(&request, Validity::new(now, seconds).unwrap()).unwrap();
                let path = unsigned.split('?').next().unwrap();
                let query: Vec<String> = request.query_pairs().map(|(name, value)| format!("{name}={value}")).collect();
                let url = if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) };
                question["url"] = url.into();
                question["method"] = request.method().as_str().into();
                question["headers"] = request.headers().collect::<BTreeMap<_, _>>().into_iter().collect();
                What::Headers(request)
            }
            1 => {
                question["kind"] = "post".into();
                question["bucket"] = bucket.into();
                question["key"] = key.into();
                question["fields"] = json!({ "Content-Type": "image/jpeg", "x-amz-meta-who": "ä ü" });
                question["conditions"] = json!([["content-length-range", 1, 10_000], { "Content-Type": "image/jpeg" }, ["starts-with", "$x-amz-meta-who", ""]]);
                let form = signer.post(&form_policy(key), Validity::new(now, seconds).unwrap()).unwrap();
                question["ours"] = field(&form.fields, "policy").into();
                What::Form
            }
            2 => {
                question["kind"] = "presign".into();
                question["version"] = "s3".into();
                let (operation, mut params, request) = old_operation(luck, key);
                params["Bucket"] = bucket.into();
                question["operation"] = operation.into();
                question["params"] = params;
                What::OldUrl(request)
            }
            _ => {
                question["kind"] = "presign".into();
                let (operation, mut params, request) = operation(luck, key);
                params["Bucket"] = bucket.into();
                question["operation"] = operation.into();
                question["params"] = params;
                What::Url(request)
            }
        };
        Self { question, credentials, signer, now, seconds, what }
    }

    fn compare(&self, answer: &Value) {
        let lookup = |key: &str| (key == self.credentials.access_key()).then(|| self.credentials.clone());
        let verifier = Verifier::new(self.signer.endpoint().region());
        match &self.what {
            What::Url(request) => {
                let theirs = answer["url"].as_str().unwrap();
                let ours = self.signer.presign(request, Validity::new(self.now, self.seconds).unwrap()).unwrap();
                assert_eq!(signature(&ours), signature(theirs), "{}\nours   {ours}\ntheirs {theirs}", self.question);
                assert_eq!(ours.split('?').next(), theirs.split('?').next(), "{}", self.question);
                let (host, path, query) = split(theirs);
                let mut headers: Vec<(&str, &[u8])> = vec![("Host", host.as_bytes())];
                headers.extend(request.headers().map(|(name, value)| (name, value.as_bytes())));
                let incoming = IncomingRequest { method: request.method().as_str(), path, query, headers: &headers };
                let outcome = verifier.verify(&incoming, lookup, self.now);
                assert!(outcome.is_ok(), "{}\n{theirs}\n{outcome:?}", self.question);
            }
            What::OldUrl(request) => {
                let theirs = answer["url"].as_str().unwrap();
                let ours = self.signer.presign_v2(request, Validity::new(self.now, self.seconds).unwrap()).unwrap();
                let signature =
                    |url: &str| url.split_once("&Signature=").unwrap().1.split('&').next().unwrap().to_owned();
                assert_eq!(signature(&ours), signature(theirs), "{}\nours   {ours}\ntheirs {theirs}", self.question);
                assert_eq!(ours.split('?').next(), theirs.split('?').next(), "{}", self.question);
                let (host, path, query) = split(theirs);
                let domain = host
                    .strip_prefix(&format!("{}.", self.signer.bucket()))
                    .map(|domain| domain.rsplit_once(':').map_or(domain, |(name, _)| name).to_owned());
                let old = verifier.with_version2(domain.into_iter().collect());
                // A base path is taken off by whatever serves it; Version 2 does not sign it.
                let base = self.question["place"]["endpoint"].as_str().and_then(|url| url.split("://").nth(1));
                let base = base.and_then(|rest| rest.find('/').map(|at| &rest[at..])).unwrap_or_default();
                let path = path.strip_prefix(base.trim_end_matches('/')).unwrap();
                // What boto3 signs as x-amz-* headers it puts into the query.
                let mut headers: Vec<(&str, &[u8])> = vec![("Host", host.as_bytes())];
                let plain = request.headers().filter(|(name, _)| !name.to_ascii_lowercase().starts_with("x-amz-"));
                headers.extend(plain.map(|(name, value)| (name, value.as_bytes())));
                let incoming = IncomingRequest { method: request.method().as_str(), path, query, headers: &headers };
                let outcome = old.verify(&incoming, lookup, self.now);
                assert!(outcome.is_ok(), "{}\n{theirs}\n{outcome:?}", self.question);
            }
            What::Headers(request) => {
                let theirs = answer["authorization"].as_str().unwrap();
                let signed = self.signer.sign(request, Payload::Empty, self.now).unwrap();
                let ours = &signed.headers.iter().find(|(name, _)| name == "authorization").unwrap().1;
                assert_eq!(ours, theirs, "{}", self.question);
            }
            What::Form => {
                let fields: Vec<(String, String)> = serde_json::from_value(answer["fields"].clone()).unwrap();
                let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
                let theirs = verifier.verify_post(&fields, lookup, self.now).unwrap();
                theirs.policy.check_fields(&fields, self.signer.bucket()).unwrap();
                assert_eq!(theirs.policy.expires_at(), self.now + i64::from(self.seconds));
                let policy = form_policy(self.question["key"].as_str().unwrap());
                let form = self.signer.post(&policy, Validity::new(self.now, self.seconds).unwrap()).unwrap();
                assert_eq!(field(&form.fields, "policy"), self.question["ours"]);
                assert_eq!(field(&form.fields, "x-amz-signature"), answer["ours"], "{}", self.question);
                assert_eq!(form.url.trim_end_matches('/'), answer["url"].as_str().unwrap().trim_end_matches('/'));
            }
        }
    }
}

/// The policy that boto3 is asked for too.
fn form_policy(key: &str) -> PostPolicy {
    let policy = PostPolicy::for_key(key).unwrap().content_length(1, 10_000).exact("Content-Type", "image/jpeg");
    policy.starts_with("x-amz-meta-who", "", "ä ü")
}

fn field<'a>(fields: &'a [(String, String)], wanted: &str) -> &'a str {
    &fields.iter().find(|(name, _)| name == wanted).unwrap().1
}

fn signature(url: &str) -> &str {
    url.split_once("X-Amz-Signature=").unwrap().1.split('&').next().unwrap()
}

fn split(url: &str) -> (&str, &str, &str) {
    let rest = url.split_once("://").unwrap().1;
    let (rest, query) = rest.split_once('?').unwrap();
    let (host, _) = rest.split_once('/').unwrap();
    (host, &rest[host.len()..], query)
}

fn identity(luck: &mut Luck) -> (Credentials, Value) {
    let (access, secret, token) = *luck.pick(&[
        ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", None),
        (
            "garage.key-1",
            "a secret of another kind, well over sixty-four bytes long, as HMAC hashes such keys first",
            None,
        ),
        ("ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", Some("IQoJb3JpZ2luX2VjEA//+==/x:y")),
    ]);
    let credentials = Credentials::new(access, secret).unwrap();
    let credentials = match token {
        Some(token) => credentials.with_session_token(token).unwrap(),
        None => credentials,
    };
    (credentials, json!({ "access_key": access, "secret_key": secret, "token": token }))
}

fn place(luck: &mut Luck) -> (Endpoint, Value) {
    let aws = |endpoint: Endpoint, addressing: &str, extra: Value| {
        let mut place = json!({ "region": endpoint.region(), "addressing": addressing });
        place.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        (endpoint, place)
    };
    let custom = |url: &str, region: &str, addressing: Addressing| {
        let style = if addressing == Addressing::Path { "path" } else { "virtual" };
        let endpoint = Endpoint::custom(url, region).unwrap().with_addressing(addressing);
        (endpoint, json!({ "region": region, "addressing": style, "endpoint": url }))
    };
    match luck.below(10) {
        0 => aws(Endpoint::aws("us-east-1").unwrap(), "virtual", json!({})),
        1 => aws(Endpoint::aws("eu-central-1").unwrap(), "virtual", json!({})),
        2 => aws(Endpoint::aws("eu-west-3").unwrap().with_addressing(Addressing::Path), "path", json!({})),
        3 => aws(Endpoint::aws("cn-north-1").unwrap(), "virtual", json!({})),
        4 => aws(Endpoint::aws("us-gov-west-1").unwrap(), "virtual", json!({})),
        5 => aws(Endpoint::aws_dual_stack("eu-central-1").unwrap(), "virtual", json!({ "dual_stack": true })),
        6 => aws(Endpoint::aws_accelerate("us-west-2", false).unwrap(), "virtual", json!({ "accelerate": true })),
        7 => custom("http://127.0.0.1:9000", "us-east-1", Addressing::Path),
        8 => custom("https://fra1.digitaloceanspaces.com", "fra1", Addressing::VirtualHost),
        _ => custom("https://storage.example.org:8443/storage/v1/s3", "garage", Addressing::Path),
    }
}

/// Keys that trip encoders: empty segments, leading slashes, things that look encoded, blanks, every ASCII mark.
fn key(luck: &mut Luck) -> String {
    const PIECES: [&str; 40] = [
        "a",
        "photo.jpg",
        "/",
        "//",
        " ",
        "  ",
        "+",
        "%",
        "%20",
        "%2F",
        "%zz",
        "~",
        "*",
        "'",
        "(",
        ")",
        "!",
        "&",
        "=",
        "?",
        "#",
        ";",
        ":",
        "@",
        "$",
        ",",
        "\"",
        "\\",
        "<>",
        "|",
        "^",
        "`",
        "{}",
        "[]",
        "ä",
        "日本語",
        "🦀",
        "e\u{301}",
        "..x",
        "${filename}",
    ];
    let mut key = String::new();
    for _ in 0..=luck.below(12) {
        key.push_str(luck.pick::<&str>(&PIECES));
    }
    if luck.below(50) == 0 {
        let room = 1_024 - key.len();
        key.push_str(&"long/".repeat(room / 5));
    }
    // A dot segment cannot arise: `..x` is the only piece with dots at an edge, and a letter ends it.
    key
}

const VALUES: [&str; 8] = [
    "plain",
    "attachment; filename=\"a b.pdf\"; filename*=UTF-8''%C3%A4",
    "a+b",
    "a&b=c",
    "100%",
    "x  y",
    "~!*'()",
    "tést",
];

fn plain_request(luck: &mut Luck, key: &'static str) -> Request<'static> {
    let method = *luck.pick(&[Method::Get, Method::Head, Method::Put, Method::Delete, Method::Post]);
    let mut request = Request::on_key(method, key);
    if luck.below(2) == 0 {
        request = request.query("versionId", "3HL4kqtJvjVBH40Nrjfkd").query("partNumber", "7");
    }
    if luck.below(2) == 0 {
        request = request.header("Content-Type", "image/jpeg").header("x-amz-meta-who", "  two   words ");
    }
    if luck.below(2) == 0 {
        request = request.header("Range", "bytes=0-9").header("If-Match", "\"abc\"");
    }
    request
}

/// An operation that Version 2 can sign as boto3 does.
fn old_operation(luck: &mut Luck, key: &'static str) -> (&'static str, Value, Request<'static>) {
    let mut params = json!({ "Key": key });
    match luck.below(4) {
        0 => ("get_object", params, Request::get(key)),
        1 => {
            let (value, version) = (*luck.pick(&VALUES), "v.1");
            params["ResponseContentDisposition"] = value.into();
            params["VersionId"] = version.into();
            let request = Request::get(key).query("versionId", version).query("response-content-disposition", value);
            ("get_object", params, request)
        }
        2 => {
            params["ContentType"] = "image/jpeg".into();
            params["ACL"] = "private".into();
            (
                "put_object",
                params,
                Request::put(key).header("X-Amz-Acl", "private").header("content-type", "image/jpeg"),
            )
        }
        _ => {
            params["UploadId"] = UPLOAD_ID.into();
            params["PartNumber"] = 7.into();
            ("upload_part", params, Request::upload_part(key, UPLOAD_ID, 7))
        }
    }
}

/// An operation in boto3's words and in ours.
fn operation(luck: &mut Luck, key: &'static str) -> (&'static str, Value, Request<'static>) {
    let mut params = json!({ "Key": key });
    let value = *luck.pick(&VALUES);
    match luck.below(12) {
        0 => ("get_object", params, Request::get(key)),
        1 | 2 => {
            let mut request = Request::get(key);
            for (param, name) in [
                ("ResponseContentDisposition", "response-content-disposition"),
                ("ResponseContentType", "response-content-type"),
                ("ResponseCacheControl", "response-cache-control"),
                ("VersionId", "versionId"),
            ] {
                if luck.below(2) == 0 {
                    params[param] = value.into();
                    request = request.query(name, value);
                }
            }
            ("get_object", params, request)
        }
        3 => ("head_object", params, Request::head(key)),
        4 | 5 => {
            let mut request = Request::put(key);
            for (param, name, value) in [
                ("ContentType", "content-type", "image/jpeg; charset=x"),
                ("ACL", "x-amz-acl", "private"),
                ("ServerSideEncryption", "x-amz-server-side-encryption", "AES256"),
                ("StorageClass", "X-Amz-Storage-Class", "STANDARD_IA"),
                ("IfNoneMatch", "If-None-Match", "*"),
                ("CacheControl", "Cache-Control", "max-age=60,  private"),
                ("ContentDisposition", "Content-Disposition", "inline; filename=\"a  b\""),
                ("Tagging", "x-amz-tagging", "a=1&b=2"),
            ] {
                if luck.below(3) == 0 {
                    params[param] = value.into();
                    request = request.header(name, value);
                }
            }
            if luck.below(3) == 0 {
                params["ContentLength"] = 52_311.into();
                request = request.header("content-length", "52311");
            }
            if luck.below(3) == 0 {
                params["Metadata"] = json!({ "who": "a  b", "x-y": "" });
                request = request.header("x-amz-meta-who", "a  b").header("x-amz-meta-x-y", "");
            }
            ("put_object", params, request)
        }
        6 => ("delete_object", params, Request::delete(key)),
        7 => ("create_multipart_upload", params, Request::create_multipart(key)),
        8 => {
            let number = 1 + u16::try_from(luck.below(10_000)).unwrap();
            params["UploadId"] = UPLOAD_ID.into();
            params["PartNumber"] = number.into();
            ("upload_part", params, Request::upload_part(key, UPLOAD_ID, number))
        }
        9 => {
            params["UploadId"] = UPLOAD_ID.into();
            ("complete_multipart_upload", params, Request::complete_multipart(key, UPLOAD_ID))
        }
        10 => {
            params["UploadId"] = UPLOAD_ID.into();
            if luck.below(2) == 0 {
                ("abort_multipart_upload", params, Request::abort_multipart(key, UPLOAD_ID))
            } else {
                ("list_parts", params, Request::list_parts(key, UPLOAD_ID))
            }
        }
        _ if luck.below(2) == 0 => {
            params["CopySource"] = json!({ "Bucket": "photos", "Key": key, "VersionId": "v.1" });
            ("copy_object", params, Request::copy(key, "photos", key, Some("v.1")).unwrap())
        }
        _ => {
            let request =
                Request::list_objects().query("encoding-type", "url").query("prefix", key).query("max-keys", "7");
            ("list_objects_v2", json!({ "Prefix": key, "MaxKeys": 7 }), request)
        }
    }
}

/// A small generator, so that each run draws the same cases (Marsaglia's xorshift).
struct Luck(u64);

impl Luck {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let at = self.below(from.len() as u64);
        &from[usize::try_from(at).unwrap()]
    }
}
