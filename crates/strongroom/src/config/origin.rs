//! The beginning of a URL: scheme, host and port, as in `https://media.example.com`.

use std::fmt;

use http::Uri;
use http::uri::Authority;
use serde::Deserialize;

/// Scheme, host and port without a path, in the form browsers send as `Origin` (RFC 6454, section 6.2): lower case,
/// no trailing slash, no default port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Origin(String);

impl Origin {
    /// The text, such as `http://127.0.0.1:9000`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the scheme is `https`.
    pub fn is_encrypted(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// The host without the port; brackets stay around an IPv6 address.
    pub fn host(&self) -> &str {
        let authority = self.0.split_once("://").map_or(self.0.as_str(), |(_, authority)| authority);
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl std::str::FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !text.starts_with("http://") && !text.starts_with("https://") {
            return Err(format!("needs a scheme; write \"https://{}\"", text.trim_start_matches('/')));
        }
        let uri: Uri = text.parse().map_err(|_| {
            "is not a URL; write scheme, host and port, such as \"https://media.example.com\"".to_owned()
        })?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err("is not a URL with a host; write one such as \"https://media.example.com\"".to_owned());
        };
        let bare = bare(scheme, authority);
        if authority.as_str().contains('@') {
            return Err("must not hold a user name or password".to_owned());
        }
        if authority.host().is_empty()
            || (authority.as_str().len() > authority.host().len() && authority.port_u16().is_none())
        {
            return Err(
                "has no host or an impossible port; write one such as \"https://media.example.com:8443\"".to_owned()
            );
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() || text.contains('#') {
            return Err(format!("must end after the host and port; write \"{bare}\""));
        }
        Ok(Self(bare))
    }
}

fn bare(scheme: &str, authority: &Authority) -> String {
    let host = authority.host().to_ascii_lowercase();
    match authority.port_u16() {
        Some(port) if (scheme, port) != ("http", 80) && (scheme, port) != ("https", 443) => {
            format!("{scheme}://{host}:{port}")
        }
        _ => format!("{scheme}://{host}"),
    }
}
