//! Quotas: what an upload may take is reserved before its first byte, and settled after its last.

use crate::config::Space;
use crate::db::{self, Tx, usage};

/// Which limit is in the way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{whose} has room for {limit} {unit}, {used} of which are taken or reserved; this would take {wanted} more")]
pub struct Exceeded {
    /// The owner, or the space.
    pub whose: String,
    /// `bytes` or `objects`.
    pub unit: &'static str,
    /// How many are allowed.
    pub limit: u64,
    /// How many are taken or reserved.
    pub used: u64,
    /// How many more were asked for.
    pub wanted: u64,
}

/// Why nothing was reserved.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It would not fit.
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

/// Whose account an upload goes to.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// The space's settings.
    pub settings: &'a Space,
    /// The space's name.
    pub space: &'a str,
    /// The owner, if there is one.
    pub owner: Option<&'a str>,
}

impl Account<'_> {
    /// Reserves room, if there is any.
    pub fn reserve(&self, tx: &Tx, bytes: i64, objects: i64) -> Result<(), Error> {
        let quota = &self.settings.quota;
        let whole = usage::get(tx, self.space, "")?;
        check(
            &format!("the space {}", self.space),
            &whole,
            (quota.space_bytes, quota.space_objects),
            (bytes, objects),
        )?;
        if let Some(owner) = self.owner {
            let own = usage::get(tx, self.space, owner)?;
            check("this owner", &own, (quota.owner_bytes, quota.owner_objects), (bytes, objects))?;
        }
        let change = usage::Change { reserved_bytes: bytes, reserved_objects: objects, ..usage::Change::default() };
        Ok(usage::change(tx, self.space, self.owner, change)?)
    }

    /// Turns a reservation into an object of this length.
    pub fn settle(&self, tx: &Tx, reserved_bytes: i64, bytes: i64) -> Result<(), db::Error> {
        let change = usage::Change { bytes, objects: 1, reserved_bytes: -reserved_bytes, reserved_objects: -1 };
        usage::change(tx, self.space, self.owner, change)
    }
}

/// Gives a reservation back.
pub fn release(tx: &Tx, space: &str, owner: Option<&str>, reserved_bytes: i64) -> Result<(), db::Error> {
    let change = usage::Change { reserved_bytes: -reserved_bytes, reserved_objects: -1, ..usage::Change::default() };
    usage::change(tx, space, owner, change)
}

/// The content of an object became another one.
pub fn replace(tx: &Tx, space: &str, owner: Option<&str>, before: i64, bytes: i64) -> Result<(), db::Error> {
    usage::change(tx, space, owner, usage::Change { bytes: bytes - before, ..usage::Change::default() })
}

/// An object is gone for good.
pub fn forget(tx: &Tx, space: &str, owner: Option<&str>, bytes: i64) -> Result<(), db::Error> {
    usage::change(tx, space, owner, usage::Change { bytes: -bytes, objects: -1, ..usage::Change::default() })
}

fn check(
    whose: &str,
    used: &usage::Usage,
    (bytes, objects): (Option<u64>, Option<u64>),
    (more_bytes, more_objects): (i64, i64),
) -> Result<(), Exceeded> {
    let limits = [
        ("bytes", bytes, used.bytes.saturating_add(used.reserved_bytes), more_bytes),
        ("objects", objects, used.objects.saturating_add(used.reserved_objects), more_objects),
    ];
    for (unit, limit, used, wanted) in limits {
        let (used, wanted) = (u64::try_from(used).unwrap_or(0), u64::try_from(wanted).unwrap_or(0));
        if let Some(limit) = limit.filter(|limit| wanted > 0 && used.saturating_add(wanted) > *limit) {
            return Err(Exceeded { whose: whose.to_owned(), unit, limit, used, wanted });
        }
    }
    Ok(())
}
