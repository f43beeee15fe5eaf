//! Entering a space: whether it exists for this principal, and what the principal may do in it.

use crate::access::{Denied as NotHandedIn, ObjectFacts, Principal, may_hand_in};
use crate::config::{Original, Space};
use crate::db::objects::Object;
use crate::service::Service;

/// What somebody wants to do with an object that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Change what is said of it.
    Change,
    /// Look at it.
    Read,
    /// Delete or restore it.
    Delete,
}

/// Why somebody is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nobody in particular asked, and this is not public.
    #[error("sign in first: this is not public")]
    SignIn,
    /// The principal knows that the thing exists, and may not do this with it.
    #[error("{0}")]
    Forbidden(String),
    /// For this principal there is no such thing.
    #[error("there is nothing here under this name, or not for you")]
    NotFound,
}

/// What the principal may do in a space, for the list of spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct May {
    /// Hand something in.
    pub write: bool,
    /// See a list.
    pub list: bool,
}

/// The spaces that this principal may write or list.
pub fn visible<'a>(service: &'a Service, principal: &Principal) -> Vec<(&'a str, &'a Space, May)> {
    let spaces = service.config.spaces.iter().map(|(name, space)| {
        let may = May {
            write: may_hand_in(&space.write, principal, None).is_ok(),
            list: space.list.allows_anything(principal),
        };
        (name.as_str(), space, may)
    });
    spaces.filter(|(_, _, may)| may.write || may.list).collect()
}

/// Whether anything at all is open to somebody who did not sign in.
pub fn is_anything_public(service: &Service) -> bool {
    let nobody = Principal::anonymous();
    service.config.spaces.values().any(|space| {
        [&space.write, &space.read, &space.list, &space.delete].iter().any(|rules| rules.allows_anything(&nobody))
    })
}

/// The space under this name, if the principal may do anything at all in it.
pub fn find<'a>(service: &'a Service, principal: &Principal, name: &str) -> Result<&'a Space, Denied> {
    let space = service.config.spaces.get(name).filter(|space| {
        [&space.write, &space.read, &space.list, &space.delete].iter().any(|rules| rules.allows_anything(principal))
    });
    space.ok_or_else(|| nothing_for(principal))
}

/// Refuses whoever may not hand anything in here, whatever it is.
pub fn may_write(service: &Service, principal: &Principal, name: &str) -> Result<(), Denied> {
    let space = find(service, principal, name)?;
    owner_of_new(space, name, principal, None).map(drop)
}

/// Whom an object that is handed in will belong to.
pub fn owner_of_new(
    space: &Space,
    name: &str,
    principal: &Principal,
    requested: Option<&str>,
) -> Result<Option<String>, Denied> {
    may_hand_in(&space.write, principal, requested).map_err(|denied| match denied {
        NotHandedIn::NotAllowed if !principal.is_signed_in() => Denied::SignIn,
        NotHandedIn::NotAllowed => {
            Denied::Forbidden(format!("none of the write rules of the space `{name}` lets you hand anything in"))
        }
        other => Denied::Forbidden(other.to_string()),
    })
}

/// Whether the principal may do this with an object. One that it may neither read nor list does not exist for it, and
/// a deleted one exists only for those who may delete it.
pub fn check(service: &Service, principal: &Principal, object: &Object, act: Act) -> Result<(), Denied> {
    let Some(space) = service.config.spaces.get(&object.space) else {
        return Err(nothing_for(principal));
    };
    let facts = facts(object);
    let readable = space.read.allows(principal, &facts);
    let deletable = space.delete.allows(principal, &facts);
    let known = (readable || space.list.allows(principal, &facts)) && (deletable || object.deleted_at.is_none());
    if !known {
        return Err(nothing_for(principal));
    }
    let (allowed, verb) = match act {
        Act::Change => (space.write.allows_change(principal, &facts), "change"),
        Act::Read => (readable, "read"),
        Act::Delete => (deletable, "delete"),
    };
    if allowed {
        return Ok(());
    }
    Err(Denied::Forbidden(format!("none of the rules of the space `{}` lets you {verb} this object", object.space)))
}

/// Whether the principal may read an object.
pub fn may_read(service: &Service, principal: &Principal, object: &Object) -> bool {
    let space = service.config.spaces.get(&object.space);
    space.is_some_and(|space| space.read.allows(principal, &facts(object)))
}

/// Whether some in this space see less of a picture than others.
pub fn hides_originals(service: &Service, space: &str) -> bool {
    service.config.spaces.get(space).is_some_and(|space| space.original == Original::Private)
}

/// Whether the content of an object as it was handed in is hidden from the principal.
pub fn hides_original(service: &Service, principal: &Principal, object: &Object) -> bool {
    hides_originals(service, &object.space)
        // Also of those kinds that no variants can be made of: what a camera wrote is in them all the same.
        && object.version.content_type.starts_with("image/")
        && check(service, principal, object, Act::Change).is_err()
}

/// The answer to somebody for whom a thing does not exist: who did not sign in is asked to, whether it exists or not.
pub fn nothing_for(principal: &Principal) -> Denied {
    if principal.is_signed_in() { Denied::NotFound } else { Denied::SignIn }
}

fn facts(object: &Object) -> ObjectFacts<'_> {
    ObjectFacts { owner: object.owner.as_deref(), creator: object.creator.as_deref(), shared_with: &object.shared_with }
}
