//! Uploads as the database holds them, and the lease under which one of them is verified.

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::tx::{Row, values};
use super::{Error, Tx, json, time, to_json};

/// A permission to hand in one version, and how far that has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Upload {
    /// Its id.
    pub id: Uuid,
    /// The object that it becomes.
    pub object_id: Uuid,
    /// The space of that object.
    pub space: String,
    /// How the bytes come.
    pub method: Method,
    /// The way that was asked for, where the storage cannot go it.
    pub instead_of: Option<Method>,
    /// How far it has come.
    pub state: State,
    /// Who began it, as the audit log names them.
    pub actor: String,
    /// Whose the object will be.
    pub owner: Option<String>,
    /// The subject that hands it in.
    pub creator: Option<String>,
    /// The object's group.
    pub group: Option<String>,
    /// The object's name.
    pub name: String,
    /// The object's tags.
    pub tags: Vec<String>,
    /// The object's metadata.
    pub metadata: Map<String, Value>,
    /// The content type that was announced.
    pub content_type: String,
    /// The length that was announced; this much of the quota is reserved.
    pub bytes: i64,
    /// The SHA-256 that was announced, lowercase hex.
    pub sha256: Option<String>,
    /// The bucket of its keys: empty for the installation's own, and else its name.
    pub bucket: String,
    /// Where the bytes land, relative to the location: below the staging prefix, or, where the storage never lets what
    /// is there be replaced, at the final key itself.
    pub staging_key: String,
    /// Where they are promoted to; set before the first byte may reach it.
    pub final_key: Option<String>,
    /// The storage's id of a multipart upload.
    pub multipart_id: Option<String>,
    /// What the client named this request.
    pub idempotency_key: Option<String>,
    /// A digest of that request, so that the name is not used for another.
    pub request_digest: Option<String>,
    /// While it is being verified: who does so, and until when nobody else may.
    pub lease: Option<Lease>,
    /// Why it was rejected.
    pub reason: Option<Reason>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// From when on no URL of it works.
    pub expires_at: Timestamp,
}

/// The right to verify an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// A number drawn by the one who holds it.
    pub holder: Uuid,
    /// From then on another may take it.
    pub until: Timestamp,
}

/// How the bytes of an upload come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Through the service.
    Service,
    /// One PUT to storage.
    Put,
    /// One form POST to storage.
    Post,
    /// Parts, each a PUT to storage.
    Multipart,
}

/// How far an upload has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Bytes may arrive.
    Open,
    /// Somebody looks at the bytes.
    Verifying,
    /// The object is there.
    Ready,
    /// The bytes were not what they should be.
    Rejected,
    /// The client gave it up.
    Aborted,
    /// Nobody completed it in time.
    Expired,
}

/// Why an upload was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// A stable code.
    pub code: String,
    /// The same in words.
    pub detail: String,
}

impl Method {
    /// The word that the database and the API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Put => "put",
            Self::Post => "post",
            Self::Multipart => "multipart",
        }
    }

    fn read(text: &str) -> Result<Self, Error> {
        [Self::Service, Self::Put, Self::Post, Self::Multipart]
            .into_iter()
            .find(|method| method.as_str() == text)
            .ok_or(Error::Corrupt { what: "upload method" })
    }
}

impl State {
    /// The word that the database and the API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Verifying => "verifying",
            Self::Ready => "ready",
            Self::Rejected => "rejected",
            Self::Aborted => "aborted",
            Self::Expired => "expired",
        }
    }

    /// Whether the quota is still reserved for it.
    pub fn is_pending(self) -> bool {
        matches!(self, Self::Open | Self::Verifying)
    }

    fn read(text: &str) -> Result<Self, Error> {
        [Self::Open, Self::Verifying, Self::Ready, Self::Rejected, Self::Aborted, Self::Expired]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(Error::Corrupt { what: "upload state" })
    }
}

/// The columns that [`read`] takes, in its order.
const COLUMNS: &str = "id, object_id, space, method, instead_of, state, actor, owner, creator, group_name, name, tags, metadata, \
     content_type, bytes, sha256, bucket, staging_key, final_key, multipart_id, idempotency_key, request_digest, lease_holder, \
     lease_until, reason_code, reason_detail, created_at, expires_at";

/// Writes a new upload.
pub fn insert(tx: &Tx, upload: &Upload) -> Result<(), Error> {
    let sql = format!(
        "INSERT INTO uploads ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, \
         ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28)"
    );
    tx.execute(
        &sql,
        values![
            upload.id,
            upload.object_id,
            upload.space,
            upload.method.as_str(),
            upload.instead_of.map(Method::as_str),
            upload.state.as_str(),
            upload.actor,
            upload.owner,
            upload.creator,
            upload.group,
            upload.name,
            to_json(&upload.tags),
            to_json(&upload.metadata),
            upload.content_type,
            upload.bytes,
            upload.sha256,
            upload.bucket,
            upload.staging_key,
            upload.final_key,
            upload.multipart_id,
            upload.idempotency_key,
            upload.request_digest,
            upload.lease.map(|lease| lease.holder),
            upload.lease.map(|lease| lease.until.as_millisecond()),
            upload.reason.as_ref().map(|reason| &reason.code),
            upload.reason.as_ref().map(|reason| &reason.detail),
            upload.created_at.as_millisecond(),
            upload.expires_at.as_millisecond(),
        ],
    )?;
    Ok(())
}

/// One upload.
pub fn get(tx: &Tx, id: Uuid) -> Result<Option<Upload>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM uploads WHERE id = ?1");
    tx.one(&sql, values![id], read)
}

/// The upload that is on its way to this key.
pub fn by_final_key(tx: &Tx, key: &str) -> Result<Option<Upload>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM uploads WHERE final_key = ?1");
    tx.one(&sql, values![key], read)
}

/// The upload that this actor began under this name.
pub fn by_idempotency_key(tx: &Tx, actor: &str, key: &str) -> Result<Option<Upload>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM uploads WHERE actor = ?1 AND idempotency_key = ?2");
    tx.one(&sql, values![actor, key], read)
}

/// Frees the name of an upload that came to nothing, so that the client may try again under it.
pub fn forget_idempotency_key(tx: &Tx, id: Uuid) -> Result<(), Error> {
    tx.execute("UPDATE uploads SET idempotency_key = NULL WHERE id = ?1", values![id])?;
    Ok(())
}

/// Notes the storage's id of the multipart upload, unless another was noted before. Returns the one that counts.
pub fn set_multipart_id(tx: &Tx, id: Uuid, multipart_id: &str) -> Result<Option<String>, Error> {
    tx.execute(
        "UPDATE uploads SET multipart_id = ?2 WHERE id = ?1 AND multipart_id IS NULL",
        values![id, multipart_id],
    )?;
    let kept = tx.one("SELECT multipart_id FROM uploads WHERE id = ?1", values![id], |row| row.get(0))?;
    Ok(kept.flatten())
}

/// Takes the lease to verify; false when the upload is not open and nobody's lease has run out.
pub fn claim(tx: &Tx, id: Uuid, now: Timestamp, lease: Lease) -> Result<bool, Error> {
    let changed = tx.execute(
        "UPDATE uploads SET state = 'verifying', lease_holder = ?3, lease_until = ?4 WHERE id = ?1 \
             AND (state = 'open' OR (state = 'verifying' AND lease_until <= ?2))",
        values![id, now.as_millisecond(), lease.holder, lease.until.as_millisecond()],
    )?;
    Ok(changed > 0)
}

/// Lengthens a lease; false when another holds it by now.
pub fn renew(tx: &Tx, id: Uuid, lease: Lease) -> Result<bool, Error> {
    let changed = tx.execute(
        "UPDATE uploads SET lease_until = ?3 WHERE id = ?1 AND lease_holder = ?2",
        values![id, lease.holder, lease.until.as_millisecond()],
    )?;
    Ok(changed > 0)
}

/// Gives a lease back: the upload is open again, and may be completed later.
pub fn release(tx: &Tx, id: Uuid, holder: Uuid) -> Result<(), Error> {
    tx.execute("UPDATE uploads SET state = 'open', lease_holder = NULL, lease_until = NULL WHERE id = ?1 AND lease_holder = ?2", values![id, holder])?;
    Ok(())
}

/// Notes where the bytes are about to be promoted to; false when the lease is lost.
pub fn set_final_key(tx: &Tx, id: Uuid, holder: Uuid, key: &str) -> Result<bool, Error> {
    let changed =
        tx.execute("UPDATE uploads SET final_key = ?3 WHERE id = ?1 AND lease_holder = ?2", values![id, holder, key])?;
    Ok(changed > 0)
}

/// Notes that more was reserved; false when the lease is lost.
pub fn set_bytes(tx: &Tx, id: Uuid, holder: Uuid, bytes: i64) -> Result<bool, Error> {
    let changed =
        tx.execute("UPDATE uploads SET bytes = ?3 WHERE id = ?1 AND lease_holder = ?2", values![id, holder, bytes])?;
    Ok(changed > 0)
}

/// Ends an upload, if it is still in the state, and under the lease, that it was seen in.
pub fn finish(tx: &Tx, seen: &Upload, state: State, reason: Option<&Reason>) -> Result<bool, Error> {
    let changed = tx.execute(
        "UPDATE uploads SET state = ?4, lease_holder = NULL, lease_until = NULL, reason_code = ?5, \
             reason_detail = ?6 WHERE id = ?1 AND state = ?2 AND lease_holder IS NOT DISTINCT FROM ?3",
        values![
            seen.id,
            seen.state.as_str(),
            seen.lease.map(|lease| lease.holder),
            state.as_str(),
            reason.map(|reason| &reason.code),
            reason.map(|reason| &reason.detail),
        ],
    )?;
    Ok(changed > 0)
}

/// Open uploads that bytes come to directly, in the order in which their URLs stop working: those after the given one,
/// up to `until`, that were begun at `begun_before` at the latest.
pub fn open(
    tx: &Tx,
    (expires_at, id): (Timestamp, Uuid),
    until: Timestamp,
    begun_before: Timestamp,
    limit: i64,
) -> Result<Vec<Upload>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM uploads WHERE state = 'open' AND expires_at >= ?1 AND (expires_at > ?1 OR id > ?2) \
         AND expires_at <= ?3 AND created_at <= ?4 ORDER BY expires_at, id LIMIT ?5"
    );
    let [expires_at, until, begun_before] = [expires_at, until, begun_before].map(Timestamp::as_millisecond);
    tx.all(&sql, values![expires_at, id, until, begun_before, limit], read)
}

/// Uploads that have ended, whose URLs stopped working before `before`, and whose bytes were not cleared away since.
pub fn to_sweep(tx: &Tx, before: Timestamp, limit: i64) -> Result<Vec<Upload>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM uploads WHERE swept_at IS NULL AND expires_at <= ?1 \
         AND state NOT IN ('open', 'verifying') ORDER BY expires_at LIMIT ?2"
    );
    tx.all(&sql, values![before.as_millisecond(), limit], read)
}

/// Uploads whose verification was begun by somebody who is gone.
pub fn forsaken(tx: &Tx, now: Timestamp, limit: i64) -> Result<Vec<Upload>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM uploads WHERE state = 'verifying' AND lease_until <= ?1 ORDER BY lease_until LIMIT ?2"
    );
    tx.all(&sql, values![now.as_millisecond(), limit], read)
}

/// The bytes of an ended upload are cleared away.
pub fn set_swept(tx: &Tx, id: Uuid, now: Timestamp) -> Result<(), Error> {
    tx.execute("UPDATE uploads SET swept_at = ?2 WHERE id = ?1", values![id, now.as_millisecond()])?;
    Ok(())
}

/// Forgets uploads that were cleared away before `before`.
pub fn forget(tx: &Tx, before: Timestamp) -> Result<u64, Error> {
    tx.execute("DELETE FROM uploads WHERE swept_at <= ?1", values![before.as_millisecond()])
}

fn read(row: &Row<'_>) -> Result<Upload, Error> {
    let holder: Option<Uuid> = row.get(22)?;
    let until = row.get::<Option<i64>>(23)?.map(time).transpose()?;
    let code: Option<String> = row.get(24)?;
    let detail: Option<String> = row.get(25)?;
    Ok(Upload {
        id: row.get(0)?,
        object_id: row.get(1)?,
        space: row.get(2)?,
        method: Method::read(row.text(3)?)?,
        instead_of: row.get::<Option<String>>(4)?.map(|method| Method::read(&method)).transpose()?,
        state: State::read(row.text(5)?)?,
        actor: row.get(6)?,
        owner: row.get(7)?,
        creator: row.get(8)?,
        group: row.get(9)?,
        name: row.get(10)?,
        tags: json(row.text(11)?, "list of tags")?,
        metadata: json(row.text(12)?, "metadata")?,
        content_type: row.get(13)?,
        bytes: row.get(14)?,
        sha256: row.get(15)?,
        bucket: row.get(16)?,
        staging_key: row.get(17)?,
        final_key: row.get(18)?,
        multipart_id: row.get(19)?,
        idempotency_key: row.get(20)?,
        request_digest: row.get(21)?,
        lease: holder.zip(until).map(|(holder, until)| Lease { holder, until }),
        reason: code.zip(detail).map(|(code, detail)| Reason { code, detail }),
        created_at: time(row.get(26)?)?,
        expires_at: time(row.get(27)?)?,
    })
}
