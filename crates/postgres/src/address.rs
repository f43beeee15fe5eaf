//! Where the database is and how to get there, as one URL.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use tokio_postgres::config::{Host, SslMode};

/// Where a database is, as whom, and how its connection is protected. It shows itself without the password.
#[derive(Clone)]
pub struct Address {
    pub(crate) config: tokio_postgres::Config,
    pub(crate) trust: Trust,
}

/// Whom a connection under TLS believes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Anybody: it protects from those who listen, and from nobody who stands between.
    Anybody,
    /// Who has a certificate for the host's name from an authority that this machine trusts.
    System,
    /// The same from an authority in this file.
    File(PathBuf),
}

/// Why a text is no address of a database. The text itself is not repeated: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no URL of PostgreSQL, or one of its options is not known.
    #[error(
        "is not an address of PostgreSQL; write postgres://USER:PASSWORD@HOST:5432/DATABASE, with %40 and the like for special characters in the password"
    )]
    Malformed,
    /// There is no such mode.
    #[error("has an sslmode that is not known; there are disable, prefer, require and verify-full")]
    Mode,
    /// A file of certificates is of no use unless they are asked for.
    #[error("has an sslrootcert that would not be looked at; add sslmode=verify-full")]
    UnusedCertificates,
}

impl FromStr for Address {
    type Err = AddressError;

    /// Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=…`
    /// (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>). `sslmode` is `disable`,
    /// `prefer` (the default), `require` or `verify-full`; `sslrootcert` names a file of certificates to trust.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(AddressError::Malformed);
        }
        let (place, options) = text.split_once('?').unwrap_or((text, ""));
        let (mut mode, mut root, mut others) = (None, None, Vec::new());
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => {
                    let path = percent_decode_str(value).decode_utf8().map_err(|_| AddressError::Malformed)?;
                    root = Some(PathBuf::from(path.into_owned()));
                }
                _ => others.push(option),
            }
        }
        let rest = if others.is_empty() { place.to_owned() } else { format!("{place}?{}", others.join("&")) };
        let mut config: tokio_postgres::Config = rest.parse().map_err(|_| AddressError::Malformed)?;
        if config.get_hosts().is_empty() {
            return Err(AddressError::Malformed);
        }
        let (ssl, trust) = match mode.unwrap_or("prefer") {
            "disable" => (SslMode::Disable, Trust::Anybody),
            "prefer" => (SslMode::Prefer, Trust::Anybody),
            "require" => (SslMode::Require, Trust::Anybody),
            "verify-full" => (SslMode::Require, root.clone().map_or(Trust::System, Trust::File)),
            _ => return Err(AddressError::Mode),
        };
        if root.is_some() && trust == Trust::Anybody {
            return Err(AddressError::UnusedCertificates);
        }
        config.ssl_mode(ssl);
        if config.get_application_name().is_none() {
            config.application_name("strongroom");
        }
        Ok(Self { config, trust })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        if let Some(user) = self.config.get_user() {
            write!(f, "{user}@")?;
        }
        for (index, host) in self.config.get_hosts().iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            match host {
                Host::Tcp(name) => write!(f, "{separator}{name}")?,
                Host::Unix(path) => write!(f, "{separator}{}", path.display())?,
            }
            let ports = self.config.get_ports();
            if let Some(port) = ports.get(index).or(ports.first()) {
                write!(f, ":{port}")?;
            }
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self}, {:?}, {:?})", self.config.get_ssl_mode(), self.trust)
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.config == other.config && self.trust == other.trust
    }
}

impl Eq for Address {}

#[cfg(test)]
mod tests {
    use super::{Address, AddressError, Trust};

    fn read(text: &str) -> Result<Address, AddressError> {
        text.parse()
    }

    #[test]
    fn an_address_shows_itself_without_the_password() {
        let address = read("postgres://loom:s%40cret@db.example:5433/files?sslmode=require").unwrap();
        assert_eq!(address.to_string(), "postgres://loom@db.example:5433/files");
        assert!(!format!("{address:?}").contains("cret"), "{address:?}");
        assert_eq!(address.config.get_password(), Some(&b"s@cret"[..]));
    }

    #[test]
    fn a_mode_says_whom_to_believe() {
        let trust =
            |options: &str| read(&format!("postgresql://db.example/files{options}")).map(|address| address.trust);
        assert_eq!(trust(""), Ok(Trust::Anybody));
        assert_eq!(trust("?sslmode=verify-full"), Ok(Trust::System));
        assert_eq!(trust("?sslrootcert=%2Fa%20b.pem&sslmode=verify-full"), Ok(Trust::File("/a b.pem".into())));
        assert_eq!(trust("?sslmode=require&sslrootcert=/a.pem"), Err(AddressError::UnusedCertificates));
        assert_eq!(trust("?sslmode=verify-ca"), Err(AddressError::Mode));
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for text in
            ["", "mysql://a/b", "host=a password=b", "postgres://", "postgres://a:b@c:port/d", "postgres://a/b?no=1"]
        {
            assert_eq!(read(text), Err(AddressError::Malformed), "{text}");
        }
    }
}
