//! The master key of SSE-S3: a file in the store's folder, made when it is first needed and never made anew.
//!
//! The index knows the key by a proof of it. So a key that was lost is told from one that was never made, and one that
//! belongs to another store from the right one, before anything is sealed or opened with it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{Connection, OptionalExtension as _};
use zeroize::Zeroizing;

use super::customer::decode;
use super::seal::Secret;
use crate::content::sync_folder;
use crate::fault::{Code, Fault};

/// The file in the store's folder, for its owner's eyes only.
const FILE: &str = "master.key";
/// What the file says before the key.
const HEAD: &str = "strongroom-store master key 1\n";
/// What the proof in the index is about.
const PROOF: &[u8] = b"strongroom-store master key, 1";

/// Why there is no master key to work with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MasterError {
    /// The file is gone.
    #[error("the master key {0} is missing, and objects were encrypted with it: restore it from a backup")]
    Lost(PathBuf),
    /// The file is of another store.
    #[error("the master key {0} is not the one that this store's objects were encrypted with: restore that one")]
    Other(PathBuf),
    /// The file is not what the store wrote.
    #[error("the master key {0} is damaged: restore it from a backup")]
    Damaged(PathBuf),
    /// The file cannot be read or written.
    #[error("the master key {path} cannot be used: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl From<MasterError> for Fault {
    fn from(error: MasterError) -> Self {
        let message = "The store's master key cannot be used, and without it no object that is encrypted with it can be read or written. Its operator finds the reason in the log.";
        Self::new(Code::InternalError, message).because(error)
    }
}

/// The proof of the master key that was made, if one was.
pub(crate) fn known(connection: &Connection) -> Result<Option<Vec<u8>>, Fault> {
    Ok(connection.prepare_cached("SELECT proof FROM master_key")?.query_row([], |row| row.get(0)).optional()?)
}

/// Has the index know the master key, unless it knows one.
pub(crate) fn note(connection: &Connection, proof: &[u8]) -> Result<(), Fault> {
    connection
        .prepare_cached("INSERT INTO master_key (proof) SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM master_key)")?
        .execute([proof])?;
    Ok(())
}

/// The proof by which the index knows a master key.
pub(crate) fn proof_of(secret: &Secret) -> [u8; 32] {
    secret.proof(PROOF)
}

/// Reads the key that the index knows by `known`; `None` if none was ever made. A key that was made without the index
/// coming to know it, because the power went, is one that sealed nothing yet.
pub(crate) fn load(folder: &Path, known: Option<&[u8]>) -> Result<Option<Secret>, MasterError> {
    let path = folder.join(FILE);
    let written = match fs::read(&path) {
        Ok(written) => Zeroizing::new(written),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return if known.is_some() { Err(MasterError::Lost(path)) } else { Ok(None) };
        }
        Err(source) => return Err(MasterError::File { path, source }),
    };
    let Some(secret) = parse(&written) else { return Err(MasterError::Damaged(path)) };
    match known {
        Some(known) if !secret.proves(PROOF, known) => Err(MasterError::Other(path)),
        _ => Ok(Some(secret)),
    }
}

fn parse(written: &[u8]) -> Option<Secret> {
    let text = written.strip_prefix(HEAD.as_bytes())?;
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    decode(text)
}

/// Writes a new key, durably: nothing may be sealed with a key that a power cut takes.
pub(crate) fn create(folder: &Path, secret: &Secret) -> Result<(), MasterError> {
    let path = folder.join(FILE);
    write(folder, &path, secret).map_err(|source| MasterError::File { path, source })
}

fn write(folder: &Path, path: &Path, secret: &Secret) -> io::Result<()> {
    let fresh = folder.join(format!("{FILE}.new"));
    // What a crash left could have other rights than a file that is made here.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file: File = options.open(&fresh)?;
    let key = Zeroizing::new(STANDARD.encode(secret.expose()));
    let text = Zeroizing::new(format!("{HEAD}{}\n", *key));
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    sync_folder(folder)
}
