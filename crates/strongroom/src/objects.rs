//! Looking at objects and changing what is said of them: one, a list, deleting, restoring.

use jiff::Timestamp;
use uuid::Uuid;

use crate::access::ListFilter;
use crate::config::Rules;
use crate::db::objects::{After, Filter, Object, Order, Visible};
use crate::db::{self};
use crate::description::{Change, FieldError};
use crate::service::{Asker, Service};
use crate::spaces::{self, Act, Denied};

/// Why nothing is shown or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The principal may not, or there is no such thing for it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Something was said that cannot be.
    #[error("{} of the fields cannot be taken", .0.len())]
    Invalid(Vec<FieldError>),
    /// It is deleted.
    #[error("this object is deleted; restore it first")]
    Deleted,
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

/// What a list shows, as the asker says it.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Only names that begin so.
    pub prefix: Option<String>,
    /// Only this owner's.
    pub owner: Option<String>,
    /// Only this group's.
    pub group: Option<String>,
    /// Only with this tag.
    pub tag: Option<String>,
    /// Only this content type, or with `/*` at its end all of a kind.
    pub content_type: Option<String>,
    /// Only what is served with this SHA-256, in lower-case hex.
    pub sha256: Option<String>,
    /// Only handed in at this time or later.
    pub created_after: Option<Timestamp>,
    /// Only handed in before this time.
    pub created_before: Option<Timestamp>,
    /// The deleted ones instead of the others.
    pub deleted: bool,
    /// The order.
    pub order: Order,
    /// Where to go on.
    pub after: Option<After>,
    /// At most so many.
    pub limit: i64,
}

/// One object, if it exists for the asker.
pub async fn get(service: &Service, asker: &Asker, id: Uuid, act: Act) -> Result<Object, Error> {
    let object = service.db.read_one(move |tx| Ok::<_, Error>(db::objects::get(tx, id)?)).await?;
    let object = object.ok_or_else(|| spaces::nothing_for(&asker.principal))?;
    spaces::check(service, &asker.principal, &object, act)?;
    Ok(object)
}

/// One page of a space, and where the next begins.
pub async fn list(
    service: &Service,
    asker: &Asker,
    space_name: &str,
    wanted: Wanted,
) -> Result<(Vec<Object>, Option<After>), Error> {
    let space = spaces::find(service, &asker.principal, space_name)?;
    let mut eyes = vec![visible(&space.list, asker, || {
        format!("none of the list rules of the space `{space_name}` lets you see its objects")
    })?];
    if wanted.deleted {
        eyes.push(visible(&space.delete, asker, || "only who may delete here can list what was deleted".to_owned())?);
    }
    let limit = wanted.limit;
    let filter = Filter {
        space: space_name.to_owned(),
        visible: eyes,
        prefix: wanted.prefix,
        owner: wanted.owner,
        group: wanted.group,
        tag: wanted.tag,
        content_type: wanted.content_type,
        sha256: wanted.sha256,
        created_after: wanted.created_after,
        created_before: wanted.created_before,
        deleted: wanted.deleted,
        order: wanted.order,
        after: wanted.after,
        // One more than asked for shows whether there is a next page.
        limit: limit + 1,
    };
    let mut objects = service.db.scan(move |tx| Ok::<_, Error>(db::objects::list(tx, &filter)?)).await?;
    let more = objects.len() as i64 > limit;
    objects.truncate(usize::try_from(limit).unwrap_or(0));
    let after = objects.last().filter(|_| more).map(|last| After { name: last.name.clone(), id: last.id });
    Ok((objects, after))
}

/// Changes what is said of an object.
pub async fn change(service: &Service, asker: &Asker, id: Uuid, change: Change) -> Result<Object, Error> {
    change.check().map_err(Error::Invalid)?;
    let now = service.now();
    let (context, asker) = (service.clone(), asker.clone());
    service
        .db
        .write(move |tx| {
            let mut object = visible_now(tx, &context, &asker, id, Act::Change)?;
            if object.deleted_at.is_some() {
                return Err(Error::Deleted);
            }
            let Change { name, group, tags, metadata, shared_with } = change.clone();
            let entry = asker.entry(now, "object.change").on(&object.space, Some(id));
            object.name = name.unwrap_or(object.name);
            object.group = group.unwrap_or(object.group);
            object.tags = tags.unwrap_or(object.tags);
            object.metadata = metadata.unwrap_or(object.metadata);
            object.shared_with = shared_with.unwrap_or(object.shared_with);
            object.updated_at = now;
            db::objects::update(tx, &object)?;
            entry.write(tx)?;
            Ok(object)
        })
        .await
}

/// Deletes an object; it can be restored until the clean-up removes it for good. Deleting twice is deleting once.
pub async fn delete(service: &Service, asker: &Asker, id: Uuid) -> Result<(), Error> {
    set_deleted(service, asker, id, true).await.map(drop)
}

/// Brings a deleted object back.
pub async fn restore(service: &Service, asker: &Asker, id: Uuid) -> Result<Object, Error> {
    set_deleted(service, asker, id, false).await
}

async fn set_deleted(service: &Service, asker: &Asker, id: Uuid, deleted: bool) -> Result<Object, Error> {
    let now = service.now();
    let (context, asker) = (service.clone(), asker.clone());
    service
        .db
        .write(move |tx| {
            let mut object = visible_now(tx, &context, &asker, id, Act::Delete)?;
            if object.deleted_at.is_some() == deleted {
                return Ok(object);
            }
            object.deleted_at = deleted.then_some(now);
            object.updated_at = now;
            db::objects::update(tx, &object)?;
            let action = if deleted { "object.delete" } else { "object.restore" };
            asker.entry(now, action).on(&object.space, Some(id)).write(tx)?;
            Ok(object)
        })
        .await
}

/// The object as this transaction sees it, so that a right or a state that changed meanwhile counts.
fn visible_now(tx: &db::Tx, service: &Service, asker: &Asker, id: Uuid, act: Act) -> Result<Object, Error> {
    let object = db::objects::get(tx, id)?.ok_or_else(|| spaces::nothing_for(&asker.principal))?;
    spaces::check(service, &asker.principal, &object, act)?;
    Ok(object)
}

fn visible(rules: &Rules, asker: &Asker, refusal: impl Fn() -> String) -> Result<Visible, Denied> {
    match rules.list_filter(&asker.principal) {
        ListFilter::Everything => Ok(Visible::All),
        ListFilter::Nothing if !asker.principal.is_signed_in() => Err(Denied::SignIn),
        ListFilter::Nothing => Err(Denied::Forbidden(refusal())),
        ListFilter::Only { owner, creator, shared } => Ok(Visible::Tied {
            owner: owner.is_some(),
            creator: creator.is_some(),
            shared: shared.is_some(),
            subject: owner.or(creator).or(shared).unwrap_or_default(),
        }),
    }
}
