//! The five ways of handing a file in, each as a client would go it.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::caller::{Answer, Caller, client, send, text};

/// A way from the client to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Through the service, the body being the file.
    Raw,
    /// Through the service, as a browser's form.
    Form,
    /// To storage, one presigned PUT.
    Put,
    /// To storage, one form with its policy.
    Post,
    /// To storage, in parts.
    Multipart,
}

impl Way {
    pub(crate) const ALL: [Self; 5] = [Self::Raw, Self::Form, Self::Put, Self::Post, Self::Multipart];
    pub(crate) const DIRECT: [Self; 3] = [Self::Put, Self::Post, Self::Multipart];

    /// The word for it in the API; only the direct ways have one.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Post => "post",
            Self::Multipart => "multipart",
            Self::Raw | Self::Form => panic!("{self:?} does not go directly to storage"),
        }
    }
}

/// What is handed in.
#[derive(Debug, Clone)]
pub(crate) struct Handed<'a> {
    pub(crate) space: &'a str,
    pub(crate) name: &'a str,
    pub(crate) content_type: &'a str,
    pub(crate) bytes: &'a [u8],
    /// Further fields: owner, group, tags, metadata, and for the direct ways sha256.
    pub(crate) more: Value,
}

/// A file with no more than a name.
pub(crate) fn handed<'a>(space: &'a str, name: &'a str, content_type: &'a str, bytes: &'a [u8]) -> Handed<'a> {
    Handed { space, name, content_type, bytes, more: json!({}) }
}

/// Hands a file in and returns the answer that speaks of the object, or the first refusal.
pub(crate) async fn hand_in(caller: &Caller, way: Way, file: &Handed<'_>) -> Answer {
    match way {
        Way::Raw => send(raw(caller, file)).await,
        Way::Form => send(form(caller, file)).await,
        Way::Put | Way::Post | Way::Multipart => {
            let begun = begin(caller, way, file).await;
            if begun.status != 201 {
                return begun;
            }
            let upload = begun.ok(201);
            let sent = send_to_storage(caller, &upload, file).await;
            assert!(sent.status < 300, "storage refused {way:?}: {}", sent.text());
            complete(caller, &upload).await
        }
    }
}

/// The object of a file that must be accepted.
pub(crate) async fn object(caller: &Caller, way: Way, file: &Handed<'_>) -> Value {
    let status = if matches!(way, Way::Raw | Way::Form) { 201 } else { 200 };
    hand_in(caller, way, file).await.ok(status)
}

/// A raw body with the rest in the query.
pub(crate) fn raw(caller: &Caller, file: &Handed<'_>) -> RequestBuilder {
    let mut query = format!("name={}", encoded(file.name));
    for (field, value) in file.more.as_object().into_iter().flatten() {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
            other => other.to_string(),
        };
        query = query + "&" + field + "=" + &encoded(&value);
    }
    caller
        .request(Method::POST, &format!("/v1/spaces/{}/objects?{query}", file.space))
        .header("content-type", file.content_type)
        .body(file.bytes.to_vec())
}

/// A form as a browser sends it.
pub(crate) fn form(caller: &Caller, file: &Handed<'_>) -> RequestBuilder {
    let mut fields = vec![("name".to_owned(), file.name.to_owned())];
    for (field, value) in file.more.as_object().into_iter().flatten() {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
            other => other.to_string(),
        };
        fields.push((field.clone(), value));
    }
    let body = form_body(&fields, file.content_type, file.bytes);
    caller
        .request(Method::POST, &format!("/v1/spaces/{}/objects", file.space))
        .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
        .body(body)
}

/// Begins a direct upload.
pub(crate) async fn begin(caller: &Caller, way: Way, file: &Handed<'_>) -> Answer {
    let mut body = json!({
        "method": way.method(),
        "name": file.name,
        "content_type": file.content_type,
        "bytes": file.bytes.len(),
    });
    for (field, value) in file.more.as_object().into_iter().flatten() {
        body[field] = value.clone();
    }
    caller.post(&format!("/v1/spaces/{}/uploads", file.space), &body).await
}

/// Sends the bytes to storage as the upload says; the last answer of storage.
pub(crate) async fn send_to_storage(caller: &Caller, upload: &Value, file: &Handed<'_>) -> Answer {
    match text(&upload["method"]) {
        "put" => send(put(upload, file.bytes)).await,
        "post" => send(post(upload, file.content_type, file.bytes)).await,
        "multipart" => send_parts(caller, upload, file.bytes).await,
        other => panic!("an upload by {other}"),
    }
}

/// The one request of a `put` upload.
pub(crate) fn put(upload: &Value, bytes: &[u8]) -> RequestBuilder {
    let mut request = client().put(text(&upload["url"]));
    for (name, value) in upload["headers"].as_object().into_iter().flatten() {
        // The client writes the length of the body itself.
        if !name.eq_ignore_ascii_case("content-length") {
            request = request.header(name, text(value));
        }
    }
    request.body(bytes.to_vec())
}

/// The form of a `post` upload.
pub(crate) fn post(upload: &Value, content_type: &str, bytes: &[u8]) -> RequestBuilder {
    let fields: Vec<(String, String)> = upload["fields"]
        .as_object()
        .expect("a post upload has fields")
        .iter()
        .map(|(name, value)| (name.clone(), text(value).to_owned()))
        .collect();
    client()
        .post(text(&upload["url"]))
        .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
        .body(form_body(&fields, content_type, bytes))
}

/// Every part of a `multipart` upload, asking for further URLs when the first batch is used up.
async fn send_parts(caller: &Caller, upload: &Value, bytes: &[u8]) -> Answer {
    let part_bytes = usize::try_from(upload["part_bytes"].as_u64().expect("a multipart upload has parts")).unwrap();
    let mut urls: Vec<(u64, String)> = urls(upload);
    let mut last = None;
    for (number, part) in (1..).zip(bytes.chunks(part_bytes)) {
        if !urls.iter().any(|(known, _)| *known == number) {
            let path = format!("/v1/uploads/{}/parts", text(&upload["id"]));
            urls = self::urls(&caller.post(&path, &json!({ "numbers": [number] })).await.ok(200));
        }
        let (_, url) = urls.iter().find(|(known, _)| *known == number).expect("the part was asked for");
        let answer = send(client().put(url).body(part.to_vec())).await;
        if answer.status >= 300 {
            return answer;
        }
        last = Some(answer);
    }
    last.expect("a file has at least one part")
}

/// The part numbers and URLs in an answer.
pub(crate) fn urls(answer: &Value) -> Vec<(u64, String)> {
    answer["parts"]
        .as_array()
        .expect("the answer has parts")
        .iter()
        .map(|part| (part["number"].as_u64().expect("a number"), text(&part["url"]).to_owned()))
        .collect()
}

/// Says that everything was sent.
pub(crate) async fn complete(caller: &Caller, upload: &Value) -> Answer {
    caller.post(&format!("/v1/uploads/{}/complete", text(&upload["id"])), &json!({})).await
}

pub(crate) const BOUNDARY: &str = "----boundary-of-the-end-to-end-tests";

/// Fields first, the file last.
pub(crate) fn form_body(fields: &[(String, String)], content_type: &str, bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let head = format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend(head.bytes());
    }
    let head = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"file\"\r\ncontent-type: {content_type}\r\n\r\n"
    );
    body.extend(head.bytes());
    body.extend(bytes);
    body.extend(format!("\r\n--{BOUNDARY}--\r\n").bytes());
    body
}

/// A text as it stands in a query.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
