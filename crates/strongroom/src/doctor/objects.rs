//! Whether what the database knows lies where the configuration has it lie.

use super::{Check, mend};
use crate::config::Config;
use crate::db::objects::{Known, holder_of_key, known_after};
use crate::db::{self, Db, Tx};
use crate::storage::{self, ObjectKey, Storage};

const WHAT: &str = "objects";

/// As many as show a prefix that is missing or doubled. `strongroom verify` looks at all.
const SAMPLE: i64 = 20;

/// Why nothing could be seen.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Db(#[from] db::Error),
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Looks for some of the objects that the database knows.
pub(super) async fn look(config: &Config, storage: &Storage, db: &Db) -> Check {
    match missing(config, storage, db).await {
        Ok((0, _)) => Check::good(WHAT, "the database knows of none yet"),
        Ok((count, None)) => Check::good(WHAT, format!("{count} that the database knows lie where they should")),
        Ok((count, Some((missing, example)))) => Check::bad(
            WHAT,
            format!(
                "NoSuchKey: of {count} that the database knows, {missing} do not lie in the storage, such as {example}"
            ),
            format!(
                "{}; `strongroom verify` names each that is missing",
                mend(config.storage.rank.section(), "NoSuchKey", 404)
            ),
        ),
        Err(error) => Check::bad(WHAT, error.to_string(), "see what the other checks say of storage and database"),
    }
}

/// How many were looked for, how many of them are missing, and one that is.
async fn missing(config: &Config, storage: &Storage, db: &Db) -> Result<(usize, Option<(usize, String)>), Error> {
    let known: Vec<Known> = db.read(|tx: &Tx| Ok::<_, Error>(known_after(tx, "", SAMPLE)?)).await?;
    let mut missing = Vec::new();
    for known in &known {
        let key = ObjectKey::new(&*known.key).map_err(storage::Error::from)?;
        match storage.bucket(config.bucket_of(&known.space))?.janitor.head(&key).await {
            Ok(_) => {}
            Err(storage::Error::NotFound) => {
                // The clean-up may have removed it in this moment.
                let looked_for = known.key.clone();
                let holder = db.read(move |tx: &Tx| Ok::<_, Error>(holder_of_key(tx, &looked_for)?)).await?;
                missing.extend(holder.map(|_| key.in_bucket(&storage.location).unwrap_or_default()));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let example = missing.first().cloned();
    Ok((known.len(), example.map(|example| (missing.len(), example))))
}
