//! Whether anything is still to be deleted in a bucket that is not configured any longer.

use super::Check;
use crate::db::Db;
use crate::storage::Storage;
use crate::upkeep;

const WHAT: &str = "other buckets";

pub(super) async fn look(storage: &Storage, db: &Db) -> Check {
    match upkeep::set_aside(storage, db).await {
        Ok(buckets) if buckets.is_empty() => Check::good(WHAT, "nothing is to be deleted in a bucket of former times"),
        Ok(buckets) => {
            let each: Vec<_> = buckets.iter().map(|(bucket, keys)| format!("{keys} in {bucket}")).collect();
            Check::doubtful(
                WHAT,
                format!("keys are to be deleted in buckets that are not configured any longer: {}", each.join(", ")),
                "name each as the bucket of a space until the clean-up has deleted them, or delete by hand what nobody \
                 needs there and run `strongroom gc --forget-bucket` for it",
            )
        }
        Err(error) => Check::bad(WHAT, error.to_string(), "see what the other checks say of the database"),
    }
}
