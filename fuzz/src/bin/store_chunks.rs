//! Throws `aws-chunked` bodies at the store. The first byte of an input says of which kind, the second how long the
//! decoded body is said to be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_fuzz::place::send;

const MODES: [&str; 3] = [
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
];

fuzz_target!(|data: &[u8]| {
    let [mode, length, body @ ..] = data else { return };
    let mode = MODES[usize::from(*mode) % MODES.len()];
    let (trailer, signed) = match mode.strip_suffix("-TRAILER") {
        Some(_) => ("x-amz-trailer: x-amz-checksum-crc32\r\n", ";x-amz-trailer"),
        None => ("", ""),
    };
    let head = format!(
        "PUT /files/k HTTP/1.1\r\nhost: localhost\r\ncontent-length: {{length}}\r\ncontent-encoding: aws-chunked\r\n\
         x-amz-date: 20130524T000000Z\r\nx-amz-content-sha256: {mode}\r\nx-amz-decoded-content-length: {length}\r\n\
         {trailer}authorization: AWS4-HMAC-SHA256 \
         Credential=AK/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;x-amz-content-sha256;x-amz-date;\
         x-amz-decoded-content-length{signed},Signature={{signature}}\r\n\r\n"
    );
    let answer = send(&[head.as_bytes(), body].concat());
    if answer.starts_with("HTTP/1.1 200") {
        let stored = send(
            b"GET /files/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
              &X-Amz-Date=20130524T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature={signature} HTTP/1.1\r\n\
              host: localhost\r\n\r\n",
        );
        assert!(stored.contains(&format!("\r\ncontent-length: {length}\r\n")), "{length} bytes were taken: {stored}");
    }
});
