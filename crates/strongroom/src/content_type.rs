//! What a file really is, judged by its bytes, and what its maker claims only where bytes cannot tell.

use strongroom_imaging::Format;

use crate::config::is_active;

/// How many bytes from the beginning are looked at.
pub const HEAD_BYTES: usize = 8192;

/// The type of bytes of which nothing is known.
const UNKNOWN: &str = "application/octet-stream";

/// Why a content type cannot be settled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The claim is not a content type at all.
    #[error("`{0}` is not a content type such as image/jpeg")]
    Malformed(String),
    /// Bytes of the claimed type begin otherwise.
    #[error("it was announced as {claimed}, and its bytes are not that")]
    NotThat {
        /// What was claimed.
        claimed: String,
    },
}

/// Brings a claimed content type into its plain form: lowercase, without parameters.
pub fn normalise(claimed: &str) -> Result<String, Mismatch> {
    let malformed = || Mismatch::Malformed(claimed.chars().take(100).collect());
    let essence = claimed.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (kind, subtype) = essence.split_once('/').ok_or_else(malformed)?;
    // The token characters of RFC 9110 that registered types use (RFC 6838), and its length limits.
    let token = |text: &str| {
        (1..=127).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    if token(kind) && token(subtype) { Ok(essence) } else { Err(malformed()) }
}

/// Settles the content type from the first bytes and the claim. `claimed` is in its plain form.
///
/// Bytes win over the claim. A claim stands where bytes say less than it does (a ZIP archive may be an EPUB), and
/// where they say nothing, unless it names a type whose bytes would have been recognised.
pub fn settle(head: &[u8], claimed: &str) -> Result<String, Mismatch> {
    let head = &head[..head.len().min(HEAD_BYTES)];
    if let Some(found) = markup(head) {
        return Ok(if is_active(claimed) && is_text_markup(claimed) { claimed } else { found }.to_owned());
    }
    if let Some(found) = announced(head) {
        return Ok(if refines(claimed, found) { claimed } else { found }.to_owned());
    }
    if recognisable(claimed) {
        return Err(Mismatch::NotThat { claimed: claimed.to_owned() });
    }
    let text = is_text(head);
    Ok(match claimed {
        _ if is_active(claimed) => claimed,
        _ if text && (claimed.starts_with("text/") || claimed.starts_with("application/")) && claimed != UNKNOWN => {
            claimed
        }
        _ if text => "text/plain",
        _ if claimed.starts_with("text/") => UNKNOWN,
        _ => claimed,
    }
    .to_owned())
}

/// The extension for a key: the usual one of the type, else the name's own if it is a plain one.
pub fn extension(content_type: &str, name: &str) -> String {
    let usual = match content_type {
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "image/avif" => "avif",
        "image/heif" | "image/heic" => "heic",
        "image/tiff" => "tiff",
        "image/bmp" => "bmp",
        "image/jxl" => "jxl",
        "image/svg+xml" => "svg",
        "application/pdf" => "pdf",
        "application/zip" => "zip",
        "application/json" => "json",
        "text/html" => "html",
        "text/plain" => "txt",
        "text/csv" => "csv",
        "video/mp4" => "mp4",
        "video/webm" => "webm",
        "audio/mpeg" => "mp3",
        _ => "",
    };
    if !usual.is_empty() {
        return usual.to_owned();
    }
    let own = name.rsplit_once('.').map(|(_, own)| own.to_ascii_lowercase()).unwrap_or_default();
    let plain = (1..=8).contains(&own.len()) && own.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if plain { own } else { "bin".to_owned() }
}

/// The type whose mark the bytes begin with. Of a BMP two letters would do, with which texts begin, too.
fn announced(head: &[u8]) -> Option<&'static str> {
    let known = || infer::get(head).map(|found| found.mime_type()).filter(|found| *found != Format::Bmp.media_type());
    Format::of(head).map(Format::media_type).or_else(known)
}

/// HTML, SVG or other XML, found the way a browser would go about it: white space, a byte order mark and comments first.
fn markup(head: &[u8]) -> Option<&'static str> {
    let text = decode(head);
    let mut rest = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}' || c == '\0');
    let mut xml = false;
    loop {
        let lower: String = rest.chars().take(32).collect::<String>().to_ascii_lowercase();
        if lower.starts_with("<!--") {
            let Some((_, tail)) = rest.split_once("-->") else { return Some("text/html") };
            rest = tail.trim_start();
        } else if lower.starts_with("<?") {
            xml = true;
            let Some((_, tail)) = rest.split_once('>') else { return Some("text/xml") };
            rest = tail.trim_start();
        } else if let Some(kind) = lower.strip_prefix("<!doctype") {
            if kind.trim_start().starts_with("html") {
                return Some("text/html");
            }
            xml = true;
            let Some((_, tail)) = rest.split_once('>') else { return Some("text/xml") };
            rest = tail.trim_start();
        } else {
            return element(&lower).or(xml.then_some("text/xml"));
        }
    }
}

/// The type that a first element stands for. A tag name ends where the browser ends it.
fn element(lower: &str) -> Option<&'static str> {
    const HTML: [&str; 22] = [
        "html", "head", "body", "script", "iframe", "title", "style", "link", "meta", "base", "img", "a", "div", "p",
        "br", "table", "h1", "font", "b", "form", "object", "embed",
    ];
    let name = lower.strip_prefix('<')?;
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != ':').unwrap_or(name.len());
    let (prefix, local) = name[..end].rsplit_once(':').unwrap_or(("", &name[..end]));
    if local == "svg" {
        Some("image/svg+xml")
    } else if prefix.is_empty() && HTML.contains(&local) {
        Some("text/html")
    } else if !prefix.is_empty() {
        Some("text/xml")
    } else {
        None
    }
}

/// The beginning as text: UTF-8, or UTF-16 where a byte order mark says so.
fn decode(head: &[u8]) -> String {
    let utf16 = |from: fn([u8; 2]) -> u16| -> String {
        let units = head[2..].as_chunks().0.iter().map(|pair| from(*pair));
        char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect()
    };
    match head {
        [0xff, 0xfe, ..] => utf16(u16::from_le_bytes),
        [0xfe, 0xff, ..] => utf16(u16::from_be_bytes),
        _ => String::from_utf8_lossy(head).into_owned(),
    }
}

fn is_text_markup(claimed: &str) -> bool {
    matches!(claimed, "text/html" | "application/xhtml+xml" | "text/xml" | "application/xml")
        || claimed.ends_with("+xml")
}

/// Whether the claim says more than the bytes do, and does not contradict them.
fn refines(claimed: &str, found: &str) -> bool {
    match found {
        _ if is_active(claimed) => false,
        "application/zip" => {
            claimed.ends_with("+zip")
                || claimed.starts_with("application/vnd.openxmlformats-officedocument.")
                || claimed.starts_with("application/vnd.oasis.opendocument.")
                || claimed == "model/vnd.usdz+zip"
        }
        "application/gzip" => claimed == "application/x-tar" || claimed.ends_with("+gzip"),
        "application/x-ole-storage" => matches!(
            claimed,
            "application/msword"
                | "application/vnd.ms-excel"
                | "application/vnd.ms-powerpoint"
                | "application/vnd.ms-outlook"
        ),
        "video/mp4" => matches!(claimed, "audio/mp4" | "video/quicktime" | "audio/x-m4a" | "video/x-m4v"),
        "video/webm" | "video/x-matroska" => matches!(claimed, "audio/webm" | "video/webm" | "video/x-matroska"),
        "audio/ogg" => matches!(claimed, "video/ogg" | "application/ogg"),
        "image/heif" => matches!(claimed, "image/heic" | "image/avif"),
        _ => false,
    }
}

/// Types whose bytes would have been recognised, so that the claim is false when they were not.
fn recognisable(claimed: &str) -> bool {
    const KNOWN: [&str; 22] = [
        "image/jpeg",
        "image/jpg",
        "image/png",
        "image/apng",
        "image/gif",
        "image/webp",
        "image/avif",
        "image/heic",
        "image/heif",
        "image/bmp",
        "image/tiff",
        "image/x-icon",
        "image/vnd.microsoft.icon",
        "image/jxl",
        "application/pdf",
        "application/zip",
        "application/gzip",
        "video/mp4",
        "video/webm",
        "video/quicktime",
        "audio/mpeg",
        "audio/ogg",
    ];
    KNOWN.contains(&claimed)
}

fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(_) => true,
        // The last character may be cut where the head ends.
        Err(error) => error.error_len().is_none() && head.len() - error.valid_up_to() < 4,
    };
    valid && !head.iter().any(|byte| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b))
}

#[cfg(test)]
mod tests {
    use super::{extension, normalise, settle};

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0";

    #[test]
    fn bytes_win_over_the_claim() {
        assert_eq!(settle(PNG, "image/jpeg").unwrap(), "image/png");
        assert_eq!(settle(PNG, "text/html").unwrap(), "image/png");
        assert_eq!(settle(b"%PDF-1.7\n", "application/octet-stream").unwrap(), "application/pdf");
    }

    #[test]
    fn pictures_of_a_family_are_told_apart() {
        let file = |brands: &[u8]| [b"\0\0\0\x18ftyp", brands, b"\0\0\0\x08mdat"].concat();
        assert_eq!(settle(&file(b"mif1\0\0\0\0mif1avif"), "application/octet-stream").unwrap(), "image/avif");
        assert_eq!(settle(&file(b"avif\0\0\0\0mif1miaf"), "image/jpeg").unwrap(), "image/avif");
        assert_eq!(settle(&file(b"mif1\0\0\0\0mif1heic"), "image/heif").unwrap(), "image/heic");
        assert_eq!(settle(&file(b"heic\0\0\0\0mif1heic"), "").unwrap(), "image/heic");
    }

    #[test]
    fn html_and_svg_are_found_under_any_name() {
        for html in [
            &b"<!DOCTYPE html><p>"[..],
            b"\xef\xbb\xbf \n<HTML>",
            b"<!-- x --><script>alert(1)</script>",
            b"<!-- never closed",
            b"\xff\xfe<\0h\0t\0m\0l\0>\0",
            b"<img src=x onerror=alert(1)>",
        ] {
            assert_eq!(settle(html, "image/png").unwrap(), "text/html", "{:?}", String::from_utf8_lossy(html));
        }
        for svg in [&b"<svg xmlns='http://www.w3.org/2000/svg'>"[..], b"<?xml version='1.0'?><!DOCTYPE svg><s:svg>"] {
            assert_eq!(settle(svg, "image/png").unwrap(), "image/svg+xml");
        }
        assert_eq!(settle(b"<?xml version='1.0'?><note/>", "text/plain").unwrap(), "text/xml");
    }

    #[test]
    fn a_claim_that_bytes_would_have_shown_is_refused() {
        assert!(settle(b"just words", "image/png").is_err());
        assert!(settle(b"", "application/pdf").is_err());
    }

    #[test]
    fn a_claim_stands_where_bytes_say_less() {
        assert_eq!(settle(b"a,b\n1,2\n", "text/csv").unwrap(), "text/csv");
        assert_eq!(settle(b"{}", "application/json").unwrap(), "application/json");
        assert_eq!(settle(b"PK\x03\x04\x14\0", "application/epub+zip").unwrap(), "application/epub+zip");
        assert_eq!(settle(b"\0\x01\x02", "model/gltf-binary").unwrap(), "model/gltf-binary");
        assert_eq!(settle(b"\0\x01\x02", "text/plain").unwrap(), "application/octet-stream");
        assert_eq!(settle(b"alert(1)", "text/javascript").unwrap(), "text/javascript");
        assert_eq!(settle("né".repeat(5000).as_bytes(), "text/plain").unwrap(), "text/plain");
    }

    #[test]
    fn pictures_that_are_read_are_known_by_their_bytes() {
        let bmp = b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0";
        for (kind, head) in [
            ("image/bmp", &bmp[..]),
            ("image/jxl", b"\xFF\x0A\xFA\x1F"),
            ("image/jxl", b"\0\0\0\x0CJXL \r\n\x87\n\0\0\0\x14ftypjxl "),
            ("image/tiff", b"II\x2A\0\x08\0\0\0\x0A\0"),
            ("image/tiff", b"MM\0\x2B\0\x08\0\0\0\0\0\0\0\0\0\x10"),
        ] {
            assert_eq!(settle(head, "application/octet-stream").unwrap(), kind);
        }
        assert_eq!(settle(b"BMW 2002", "text/plain").unwrap(), "text/plain");
        assert!(settle(b"BMW 2002", "image/bmp").is_err());
    }

    #[test]
    fn claims_are_brought_into_plain_form_or_refused() {
        assert_eq!(normalise("Image/JPEG; q=1").unwrap(), "image/jpeg");
        for bad in ["", "image", "image/", "/png", "image/p ng", "image/png\r\nx: y", "ima\u{301}ge/png"] {
            assert!(normalise(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn extensions_are_plain() {
        assert_eq!(extension("image/jpeg", "x.PNG"), "jpg");
        assert_eq!(extension("model/gltf-binary", "chair.GLB"), "glb");
        assert_eq!(extension("application/x-thing", "a.b/../c"), "bin");
        assert_eq!(extension("application/x-thing", "none"), "bin");
    }
}
