//! Reads `multipart/form-data` as browsers send it: a bounded head of fields, and then the file as a stream.

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;

use crate::fault::{Code, Fault};
use crate::payload::Inbound;

/// A form being read (RFC 7578).
#[derive(Debug)]
pub(crate) struct Form {
    inbound: Inbound,
    buffer: BytesMut,
    /// What ends every part: a line break, two dashes and the boundary.
    delimiter: Finder<'static>,
    /// What the fields may take in all, their heads included.
    limit: usize,
    /// What has come before the file.
    seen: usize,
    ended: bool,
}

/// The fields before the file, in order, and the file's own name.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    /// Names as sent, and values.
    pub(crate) fields: Vec<(String, String)>,
    /// The file's name without any folders; empty if it has none.
    pub(crate) filename: String,
}

/// What a part says of itself.
#[derive(Debug)]
struct PartHead {
    name: String,
    filename: Option<String>,
}

impl Form {
    /// Begins to read; `None` if `content_type` is not a form with a boundary.
    pub(crate) fn new(inbound: Inbound, content_type: &str, limit: usize) -> Option<Self> {
        let (kind, parameters) = content_type.split_once(';')?;
        if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
            return None;
        }
        let boundary = parameter(parameters, "boundary").filter(|text| (1..=70).contains(&text.len()))?;
        let delimiter = Finder::new(format!("\r\n--{boundary}").as_bytes()).into_owned();
        // The first delimiter has no line break before it when there is no preamble.
        Some(Self { inbound, buffer: BytesMut::from("\r\n"), delimiter, limit, seen: 0, ended: false })
    }

    /// Reads the fields up to the part named `file`, whose bytes follow.
    pub(crate) async fn fields(&mut self) -> Result<Fields, Fault> {
        let mut read = Fields::default();
        self.take_to_delimiter().await?;
        while let Some(head) = self.part_head().await? {
            self.check_limit(self.seen.saturating_sub(self.buffer.len()))?;
            if head.name.eq_ignore_ascii_case("file") {
                read.filename = head.filename.unwrap_or_default();
                return Ok(read);
            }
            let value = self.take_to_delimiter().await?;
            let value = String::from_utf8(value.to_vec()).map_err(|_| malformed("a field is not UTF-8"))?;
            if read.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case(&head.name)) {
                return Err(malformed(&format!("the field {:?} is given twice", head.name)));
            }
            read.fields.push((head.name, value));
        }
        Err(Fault::new(Code::InvalidArgument, "POST requires exactly one file upload per request.")
            .with("ArgumentName", "file"))
    }

    /// The next bytes of the file; `None` at its end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        while !self.ended {
            if let Some(end) = self.delimiter.find(&self.buffer) {
                self.ended = true;
                let rest = self.buffer.split_to(end).freeze();
                return Ok(Some(rest).filter(|rest| !rest.is_empty()));
            }
            // The delimiter may have begun in the last bytes.
            let safe = self.buffer.len().saturating_sub(self.delimiter.needle().len() - 1);
            if safe > 0 {
                return Ok(Some(self.buffer.split_to(safe).freeze()));
            }
            let bytes = self.inbound.next().await?.ok_or_else(|| malformed("the form ends inside the file"))?;
            self.buffer.extend_from_slice(&bytes);
        }
        Ok(None)
    }

    /// What stands before the next delimiter.
    async fn take_to_delimiter(&mut self) -> Result<Bytes, Fault> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.delimiter.find(&self.buffer[searched..]) {
                let before = self.buffer.split_to(searched + at).freeze();
                let _ = self.buffer.split_to(self.delimiter.needle().len());
                return Ok(before);
            }
            searched = self.searched(self.delimiter.needle().len());
            self.fill().await?;
        }
    }

    /// From where to go on looking for something of this length that is not in the buffer yet. Without this a form that
    /// comes byte by byte would be searched from its beginning for each of them.
    fn searched(&self, wanted: usize) -> usize {
        (self.buffer.len() + 1).saturating_sub(wanted)
    }

    /// Reads what follows a delimiter; `None` if it was the last one.
    async fn part_head(&mut self) -> Result<Option<PartHead>, Fault> {
        while self.buffer.len() < 2 {
            self.fill().await?;
        }
        if self.buffer.starts_with(b"--") {
            return Ok(None);
        }
        let end = Finder::new(b"\r\n\r\n");
        let mut searched = 0;
        let length = loop {
            if let Some(at) = end.find(&self.buffer[searched..]) {
                break searched + at + 4;
            }
            searched = self.searched(4);
            self.fill().await?;
        };
        let lines = self.buffer.split_to(length);
        // White space may follow the delimiter on its line.
        let start = memchr::memchr(b'\n', &lines).map_or(length, |at| at + 1);
        parse_head(&lines[start..]).map(Some)
    }

    fn check_limit(&self, taken: usize) -> Result<(), Fault> {
        if taken <= self.limit {
            return Ok(());
        }
        Err(Fault::from(Code::MaxPostPreDataLengthExceededError)
            .with("MaxPostPreDataLengthBytes", self.limit.to_string()))
    }

    async fn fill(&mut self) -> Result<(), Fault> {
        // One read more than the limit may be in memory, and no more.
        self.check_limit(self.seen)?;
        let bytes = self.inbound.next().await?.ok_or_else(|| malformed("the form ends too early"))?;
        self.seen += bytes.len();
        self.buffer.extend_from_slice(&bytes);
        Ok(())
    }
}

fn parse_head(lines: &[u8]) -> Result<PartHead, Fault> {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let parsed = httparse::parse_headers(lines, &mut headers).map_err(|error| malformed(&error.to_string()))?;
    let httparse::Status::Complete((_, headers)) = parsed else {
        return Err(malformed("the head of a part is not whole"));
    };
    let disposition = headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-disposition"))
        .and_then(|header| std::str::from_utf8(header.value).ok())
        .ok_or_else(|| malformed("a part has no Content-Disposition"))?;
    let name = parameter(disposition, "name").ok_or_else(|| malformed("a part has no name"))?;
    let filename = parameter(disposition, "filename").map(|path| {
        // Some clients send the whole path; only its last step is the file's name.
        path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned()
    });
    Ok(PartHead { name, filename })
}

/// The value of a parameter such as `name="…"`, in which browsers write `"` as `%22` and others as `\"`.
fn parameter(text: &str, wanted: &str) -> Option<String> {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([';', ' ', '\t']);
        let (name, after) = rest.split_at(rest.find(['=', ';'])?);
        let Some(after) = after.strip_prefix('=') else {
            rest = after;
            continue;
        };
        let (value, following) = match after.strip_prefix('"') {
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after[..end].trim().to_owned(), &after[end..])
            }
            Some(quoted) => unquote(quoted)?,
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = following;
    }
}

/// Reads up to the closing quote; answers the value and what follows.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value.replace("%22", "\""), &quoted[at + 1..])),
            '\\' if quoted[at + 1..].starts_with(['"', '\\']) => value.extend(characters.next().map(|(_, next)| next)),
            plain => value.push(plain),
        }
    }
    None
}

fn malformed(why: &str) -> Fault {
    Fault::new(
        Code::MalformedPOSTRequest,
        format!("The body of your POST request is not well-formed multipart/form-data: {why}."),
    )
}

#[cfg(test)]
mod tests {
    use super::parameter;

    #[test]
    fn parameters_are_read_in_every_spelling_that_clients_use() {
        let disposition = r#"form-data; name="file"; filename="a \"b\" %22c%22;d.png""#;
        assert_eq!(parameter(disposition, "name").as_deref(), Some("file"));
        assert_eq!(parameter(disposition, "filename").as_deref(), Some(r#"a "b" "c";d.png"#));
        assert_eq!(parameter(" boundary=abc; x=y", "boundary").as_deref(), Some("abc"));
        assert_eq!(parameter("form-data", "name"), None);
        assert_eq!(parameter("form-data; name=\"open", "name"), None);
    }
}
