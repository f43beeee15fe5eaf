//! Percent-encoding and hex exactly as Signature Version 4 wants them: unreserved bytes stay, all others become `%XX`.

/// Which bytes stay as they are in a query name or value (RFC 3986's unreserved set).
const UNRESERVED: [bool; 256] = unreserved(false);
/// The same for a path, where the slash separates and is kept.
const IN_PATH: [bool; 256] = unreserved(true);
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

const fn unreserved(slash: bool) -> [bool; 256] {
    let mut table = [false; 256];
    let kept = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    let mut at = 0;
    while at < kept.len() {
        table[kept[at] as usize] = true;
        at += 1;
    }
    table[b'/' as usize] = slash;
    table
}

/// Appends a query name or value; a slash is encoded too.
pub(crate) fn query(out: &mut String, bytes: &[u8]) {
    percent(out, bytes, &UNRESERVED);
}

/// Appends a path; slashes stay.
pub(crate) fn path(out: &mut String, bytes: &[u8]) {
    percent(out, bytes, &IN_PATH);
}

/// A query name or value by itself.
pub(crate) fn to_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    query(&mut out, text.as_bytes());
    out
}

/// Whether a path is its own encoding, as most keys are. Sixteen bytes are looked at in one step.
#[expect(clippy::needless_bitwise_bool, reason = "without branches the compiler takes sixteen bytes at once")]
pub(crate) fn is_plain_path(path: &str) -> bool {
    let plain = |byte: u8| {
        // `-`, `.`, `/` and the digits follow each other in ASCII.
        ((byte | 0x20).wrapping_sub(b'a') < 26) | (byte.wrapping_sub(b'-') < 13) | (byte == b'_') | (byte == b'~')
    };
    let (blocks, rest) = path.as_bytes().as_chunks::<16>();
    let all = |bytes: &[u8]| bytes.iter().fold(true, |all, byte| all & plain(*byte));
    // The last block may overlap the one before it, which is quicker than going through the rest byte by byte.
    blocks.iter().all(|block| all(block))
        && match path.as_bytes().last_chunk::<16>() {
            Some(last) => all(last),
            None => all(rest),
        }
}

fn percent(out: &mut String, bytes: &[u8], keep: &[bool; 256]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let plain = rest.iter().position(|byte| !keep[usize::from(*byte)]).unwrap_or(rest.len());
        let (head, tail) = rest.split_at(plain);
        // Only ASCII is ever kept, so the run is valid UTF-8.
        out.push_str(std::str::from_utf8(head).expect("kept bytes are ASCII"));
        rest = match tail.split_first() {
            Some((byte, tail)) => {
                out.push('%');
                out.push(char::from(UPPER[usize::from(byte >> 4)]));
                out.push(char::from(UPPER[usize::from(byte & 15)]));
                tail
            }
            None => tail,
        };
    }
}

/// Appends a number in decimal, without memory of its own.
pub(crate) fn number(out: &mut String, number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        // The remainder is below ten, so it fits a byte.
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.push_str(std::str::from_utf8(&digits[at..]).expect("digits are ASCII"));
}

/// Undoes percent-encoding; `None` when a `%` is not followed by two hex digits.
/// With `plus`, a `+` is a blank, as in a query.
pub(crate) fn decode(text: &str, plus: bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?,
            b'+' if plus => b' ',
            other => other,
        });
    }
    Some(out)
}

/// The lower-case hex of a digest. Arithmetic, unlike a table, is done for many digits at once.
pub(crate) fn hex(digest: &[u8; 32]) -> [u8; 64] {
    let digit = |nibble: u8| nibble + b'0' + u8::from(nibble > 9) * (b'a' - b'9' - 1);
    let mut out = [0; 64];
    for (at, byte) in digest.iter().enumerate() {
        out[2 * at] = digit(byte >> 4);
        out[2 * at + 1] = digit(byte & 15);
    }
    out
}

/// The lower-case hex of a digest as text.
pub(crate) fn hex_string(digest: &[u8; 32]) -> String {
    std::str::from_utf8(&hex(digest)).expect("hex digits are ASCII").to_owned()
}

/// Reads 64 hex digits of either case.
pub(crate) fn unhex(text: &[u8]) -> Option<[u8; 32]> {
    if text.len() != 64 {
        return None;
    }
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
    }
    Some(out)
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
