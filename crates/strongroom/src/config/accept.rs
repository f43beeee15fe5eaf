//! Which content types a space accepts, and which ones a browser would run.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// What a space accepts: exact types (`application/pdf`), families (`image/*`) or everything (`*/*`).
///
/// A family never includes active types: SVG must be named as `image/svg+xml` to be accepted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Accept(Vec<TypePattern>);

/// One accepted type or family of types.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TypePattern(String);

impl Accept {
    /// Accepts these.
    pub(crate) fn of(patterns: impl IntoIterator<Item = TypePattern>) -> Self {
        Self(patterns.into_iter().collect())
    }

    /// The patterns as they were written.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|pattern| pattern.0.as_str())
    }

    /// Whether a content type is accepted. Its parameters (`; charset=…`) do not count.
    pub fn allows(&self, content_type: &str) -> bool {
        let bare = essence(content_type);
        let is_active = is_active(&bare);
        self.0.iter().any(|pattern| match pattern.0.strip_suffix('*') {
            Some("*/") => !is_active,
            Some(family) => !is_active && bare.starts_with(family),
            None => pattern.0 == bare,
        })
    }

    /// Whether nothing is accepted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Default for Accept {
    fn default() -> Self {
        Self(vec![TypePattern("*/*".to_owned())])
    }
}

/// Whether a browser that opens this type would run code in it. Such content is only ever handed out as a download.
pub fn is_active(content_type: &str) -> bool {
    const ACTIVE: [&str; 19] = [
        "application/ecmascript",
        "application/hta",
        "application/java-archive",
        "application/javascript",
        "application/vnd.ms-htmlhelp",
        "application/wasm",
        "application/x-chrome-extension",
        "application/x-ecmascript",
        "application/x-javascript",
        "application/x-shockwave-flash",
        "application/x-xpinstall",
        "application/xml",
        "message/rfc822",
        "multipart/related",
        "multipart/x-mixed-replace",
        "text/cache-manifest",
        "text/html",
        "text/vbscript",
        "text/xml",
    ];
    let bare = essence(content_type);
    let is_script = bare.starts_with("text/")
        && (bare.contains("javascript")
            || bare.contains("ecmascript")
            || bare.contains("jscript")
            || bare.contains("livescript"));
    is_script || bare.ends_with("+xml") || bare.contains("xsl") || ACTIVE.contains(&bare.as_str())
}

fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

impl FromStr for TypePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        // RFC 6838, section 4.2: what the names of types are made of.
        let is_name = |name: &str| {
            !name.is_empty()
                && name.len() <= 127
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
        };
        match lower.split_once('/') {
            Some(("*", "*")) => Ok(Self(lower)),
            Some((family, kind)) if is_name(family) && (kind == "*" || is_name(kind)) => Ok(Self(lower)),
            _ => Err("is not a content type; write one such as \"image/jpeg\", \"image/*\" or \"*/*\"".to_owned()),
        }
    }
}

impl TryFrom<String> for TypePattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for TypePattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
