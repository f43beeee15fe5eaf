//! Throws `aws-chunked` bodies at the decoder, and finds that it does not matter in which pieces they come.
//!
//! The first byte of an input says which kind of body it is, the second how long the pieces are; the rest is the body.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use strongroom_fuzz::signature::{self, ACCESS_KEY, BLANK, NOW, REGION, SCOPE};
use strongroom_presign::{ChunkError, IncomingRequest, Trailers, Verified, Verifier};

const MODES: [&str; 3] = [
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
];

/// A request of each kind whose own signature holds.
static REQUESTS: LazyLock<[Verified; 3]> = LazyLock::new(|| MODES.map(verified));

fuzz_target!(|data: &[u8]| {
    let [mode, length, body @ ..] = data else { return };
    let request = &REQUESTS[usize::from(*mode) % MODES.len()];
    let whole = decode(request, body, body.len().max(1));
    let pieces = decode(request, body, usize::from(*length).max(1));
    assert_eq!(whole, pieces);
    if let Ok((decoded, _)) = whole {
        assert!(decoded.len() <= body.len());
    }
});

fn decode(request: &Verified, body: &[u8], piece: usize) -> Result<(Vec<u8>, Trailers), ChunkError> {
    let mut decoder = request.chunk_decoder().expect("the body is chunked");
    let mut bytes = Vec::new();
    for piece in body.chunks(piece) {
        decoder.feed(piece, |more| bytes.extend_from_slice(more))?;
    }
    Ok((bytes, decoder.finish()?))
}

fn verified(mode: &str) -> Verified {
    // Only the first kind has none.
    let announces = mode != MODES[0];
    let names = if announces { ";x-amz-trailer" } else { "" };
    let authorization = |signature: &str| {
        format!(
            "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{SCOPE},\
             SignedHeaders=host;x-amz-content-sha256;x-amz-date{names},Signature={signature}"
        )
    };
    let verify = |authorization: &str| {
        let mut headers: Vec<(&str, &[u8])> = vec![
            ("host", b"localhost"),
            ("x-amz-content-sha256", mode.as_bytes()),
            ("x-amz-date", b"20130524T000000Z"),
            ("authorization", authorization.as_bytes()),
        ];
        if announces {
            headers.push(("x-amz-trailer", b"x-amz-checksum-crc32"));
        }
        let request = IncomingRequest { method: "PUT", path: "/files/k", query: "", headers: &headers };
        let signature = signature::expected(&request);
        (signature, Verifier::new(REGION).verify(&request, signature::lookup, NOW))
    };
    let signature = verify(&authorization(BLANK)).0.expect("a signature would do");
    verify(&authorization(&signature)).1.expect("the signature is the expected one")
}
