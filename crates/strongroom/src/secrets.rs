//! The generated secrets: made at the first start, kept in the data folder for its owner's eyes only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::ambient::Random;

/// The file they lie in, inside the data folder.
const FILE: &str = "secrets.toml";

/// Everything that is made up when nothing is configured.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// The administrator's token.
    pub admin_token: String,
    /// Signs and verifies HS256 tokens of the application.
    pub signing_secret: String,
    /// The embedded store's keys.
    pub store: StoreKeys,
}

/// One key an identity.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreKeys {
    /// May get.
    pub reader: StoreKey,
    /// May put.
    pub writer: StoreKey,
    /// May promote, delete and list.
    pub janitor: StoreKey,
    /// May look at and change the bucket's configuration.
    pub operator: StoreKey,
}

/// An access key of the embedded store.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreKey {
    /// The public half.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: String,
}

/// Why the secrets cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file is not what this program wrote.
    #[error("{path} is damaged ({reason}); restore it from a backup: without it no token or link key is known")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl Secrets {
    /// Reads the secrets of a data folder, or makes them up and keeps them.
    pub fn open(data: &Path, random: &Random) -> Result<Self, Error> {
        let path = data.join(FILE);
        match fs::read_to_string(&path) {
            Ok(text) => {
                // The parser's message shows the line, which holds a secret.
                toml::from_str(&text)
                    .map_err(|_| Error::Damaged { path, reason: "not the TOML that was written".to_owned() })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secrets = Self::make_up(random);
                secrets.keep(data).map_err(|source| Error::Io { path, source })?;
                Ok(secrets)
            }
            Err(source) => Err(Error::Io { path, source }),
        }
    }

    fn make_up(random: &Random) -> Self {
        let key = |name: &str| StoreKey {
            access_key_id: format!("{name}-{}", base16ct::lower::encode_string(&random.bytes::<6>())),
            secret_access_key: random.secret(),
        };
        Self {
            admin_token: format!("sr_admin_{}", random.secret()),
            signing_secret: random.secret(),
            store: StoreKeys {
                reader: key("reader"),
                writer: key("writer"),
                janitor: key("janitor"),
                operator: key("operator"),
            },
        }
    }

    /// Writes the file whole or not at all.
    fn keep(&self, data: &Path) -> io::Result<()> {
        let text = toml::to_string(self).map_err(io::Error::other)?;
        let temporary = data.join(format!("{FILE}.new"));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&temporary)?;
        writeln!(
            file,
            "# Made at the first start. Whoever reads this file owns the service: keep it to yourself, and back it up."
        )?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, data.join(FILE))?;
        File::open(data)?.sync_all()
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(redacted)")
    }
}

impl std::fmt::Debug for StoreKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoreKeys(redacted)")
    }
}

impl std::fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreKey").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// Creates the data folder, readable by nobody else.
pub fn create_folder(data: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(data).map_err(|source| Error::Io { path: data.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::{Error, Random, Secrets};

    #[test]
    fn a_second_start_finds_the_same_secrets_and_nobody_else_may_read_them() {
        let folder = tempfile::tempdir().unwrap();
        let first = Secrets::open(folder.path(), &Random::system()).unwrap();
        assert!(first == Secrets::open(folder.path(), &Random::system()).unwrap());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(folder.path().join("secrets.toml")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_damaged_file_is_not_replaced_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secrets.toml"), "admin_token = \"sr_hush\nx").unwrap();
        let error = Secrets::open(folder.path(), &Random::system()).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }) && !error.to_string().contains("hush"));
    }

    #[test]
    fn invariant_9_secrets_do_not_show_in_debug_output() {
        let secrets = Secrets::make_up(&Random::system());
        let shown = format!("{secrets:?} {:?} {:?}", secrets.store, secrets.store.reader);
        assert!(!shown.contains(&secrets.store.reader.secret_access_key) && !shown.contains(&secrets.admin_token));
    }
}
