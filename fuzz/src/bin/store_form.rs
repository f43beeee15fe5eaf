//! Throws bodies of POST forms at the store. Their boundary is `B`.
#![no_main]

use libfuzzer_sys::fuzz_target;

const HEAD: &[u8] = b"POST /files HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\
    content-type: multipart/form-data; boundary=B\r\n\r\n";

fuzz_target!(|body: &[u8]| {
    strongroom_fuzz::place::send(&[HEAD, body].concat());
});
