//! `Content-Disposition` for names that anybody may have chosen (RFC 6266, RFC 8187).

use std::fmt::Write as _;

/// The longest name that is put into a header, in bytes; the extension survives the cut.
const LONGEST: usize = 180;

/// Tells the browser to save the content under this name, whatever is in it.
///
/// Old clients read `filename`, an ASCII likeness; all others read `filename*`, which holds the name itself.
pub fn attachment(name: &str) -> String {
    let name = shorten(&name.replace(['/', '\\'], "_"));
    let likeness: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || " !#$&+-.^_`{}~@=()[],".contains(c) { c } else { '_' })
        .collect();
    let mut header = format!("attachment; filename=\"{likeness}\"");
    if likeness != name {
        header.push_str("; filename*=UTF-8''");
        for byte in name.bytes() {
            // The attr-char of RFC 8187: what is not in it is percent-encoded.
            if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
                header.push(char::from(byte));
            } else {
                let _ = write!(header, "%{byte:02X}");
            }
        }
    }
    header
}

/// Cuts an over-long name at a character, and keeps a short extension.
fn shorten(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let extension = name.rfind('.').map_or("", |dot| &name[dot..]);
    let extension = if extension.len() <= 16 { extension } else { "" };
    let mut end = LONGEST - extension.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{extension}", &name[..end])
}

#[cfg(test)]
mod tests {
    use super::attachment;

    #[test]
    fn plain_names_stay_plain() {
        assert_eq!(attachment("photo 1.jpg"), "attachment; filename=\"photo 1.jpg\"");
    }

    #[test]
    fn other_names_are_sent_twice() {
        assert_eq!(
            attachment("Grüße (1)'*.pdf"),
            "attachment; filename=\"Gr__e (1)__.pdf\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%281%29%27%2A.pdf"
        );
    }

    #[test]
    fn no_name_breaks_out_of_the_header() {
        for name in ["a\"; x=\"b", "a\r\nSet-Cookie: x", "..\\..\\x", "../../etc/passwd", "\u{202e}gpj.exe", "a\0b"] {
            let header = attachment(name);
            assert!(header.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{header:?}");
            assert_eq!(header.matches('"').count(), 2, "{header:?}");
            assert!(!header.contains('/') && !header.contains('\\'), "{header:?}");
        }
    }

    #[test]
    fn long_names_are_cut_and_keep_their_extension() {
        let header = attachment(&format!("{}.jpeg", "é".repeat(500)));
        assert!(header.len() < 1000, "{header}");
        assert_eq!(header.rsplit_once('.').unwrap().1, "jpeg");
    }
}
