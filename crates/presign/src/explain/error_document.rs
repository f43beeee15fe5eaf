//! Reads the XML error document of an S3 store: a flat list of named texts.

/// What the document says. A name that stands in it twice keeps its first text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ErrorDocument(Vec<(String, String)>);

impl ErrorDocument {
    /// Reads as much as is there; what is not of the form `<Name>text</Name>` is passed over. `None` without a `Code`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut fields: Vec<(String, String)> = Vec::new();
        let mut rest = text;
        while let Some((_, after)) = rest.split_once('<') {
            rest = after;
            let Some((tag, inside)) = after.split_once('>') else { break };
            let Some((content, close)) = inside.split_once('<') else { break };
            // An element whose content is followed by its own end is a leaf; others are only entered.
            let is_leaf = close.strip_prefix('/').and_then(|close| close.strip_prefix(tag));
            if is_leaf.is_some_and(|close| close.starts_with('>')) && !fields.iter().any(|(name, _)| name == tag) {
                fields.push((tag.to_owned(), unescape(content)));
            }
        }
        let document = Self(fields);
        document.get("Code").is_some().then_some(document)
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, text)| text.as_str())
    }

    /// The same, empty where it is missing.
    pub(super) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }
}

/// Undoes the entities of XML 1.0; an unknown one stays as it is.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let entity = after.split_once(';').and_then(|(name, tail)| Some((entity(name)?, tail)));
        let (character, tail) = entity.unwrap_or(('&', after));
        out.push(character);
        rest = tail;
    }
    out + rest
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_an_error_are_read_with_their_entities() {
        let text = "<?xml version=\"1.0\"?>\n<Error><Code>SignatureDoesNotMatch</Code><Message>a &lt;b&gt; &amp;&#x41;&#10;&nope;</Message>\n  <StringToSign>x\ny</StringToSign></Error>";
        let document = ErrorDocument::read(text).unwrap();
        assert_eq!(document.text("Code"), "SignatureDoesNotMatch");
        assert_eq!(document.text("Message"), "a <b> &A\n&nope;");
        assert_eq!(document.text("StringToSign"), "x\ny");
        assert_eq!(document.get("Region"), None);
        assert_eq!(ErrorDocument::read("<html><body>no</body></html>"), None);
        assert_eq!(ErrorDocument::read("<Error><Code>cut off"), None);
    }
}
