//! Throws XML at each operation of the store that reads some. The first byte of an input says at which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_fuzz::place::send;

fuzz_target!(|data: &[u8]| {
    let Some((which, document)) = data.split_first() else { return };
    match which % 4 {
        0 => post("POST /files?delete", document),
        1 => post("PUT /another-bucket", document),
        2 => post("PUT /files?cors", document),
        _ => {
            let begun = send(&head("POST /files/k?uploads"));
            let id = begun.split_once("<UploadId>").and_then(|(_, rest)| rest.split_once('<')).map(|(id, _)| id);
            let id = id.expect("a signed request begins an upload");
            send(&[&head(&format!("PUT /files/k?partNumber=1&uploadId={id}")), &b"part"[..]].concat());
            post(&format!("POST /files/k?uploadId={id}"), document);
        }
    }
});

fn post(what: &str, document: &[u8]) {
    send(&[&head(what), document].concat());
}

fn head(what: &str) -> Vec<u8> {
    format!(
        "{what} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {{length}}\r\nx-amz-date: 20130524T000000Z\r\n\
         x-amz-content-sha256: UNSIGNED-PAYLOAD\r\nauthorization: AWS4-HMAC-SHA256 \
         Credential=AK/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;x-amz-content-sha256;x-amz-date,\
         Signature={{signature}}\r\n\r\n"
    )
    .into_bytes()
}
