//! Who may do what: the principal who asks, and the rules of a space applied to it.

use crate::config::{Rule, Rules};
pub use subject::{SubjectError, check_subject};

mod subject;
#[cfg(test)]
mod tests;

/// The scope that opens everything. It counts on API keys alone: a word in an application's token must not.
pub const ADMIN: &str = "admin";

/// The scope that lets somebody tell of bytes that arrived in storage. It counts on API keys alone, too.
pub const ARRIVALS: &str = "arrivals";

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The application's name for the user; services with a key of their own may have none.
    pub subject: Option<String>,
    /// What `role:NAME` looks at.
    pub roles: Vec<String>,
    /// What `key:SCOPE` looks at.
    pub scopes: Vec<String>,
    /// How the principal proved itself.
    pub kind: PrincipalKind,
}

/// How a principal proved itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrincipalKind {
    /// Not at all.
    Anonymous,
    /// With a token of the application.
    Jwt,
    /// With an API key.
    Key {
        /// The key's public half.
        id: String,
    },
}

/// What rules look at in an object.
#[derive(Debug, Clone, Copy, Default)]
pub struct ObjectFacts<'a> {
    /// Whom it belongs to.
    pub owner: Option<&'a str>,
    /// Who handed it in.
    pub creator: Option<&'a str>,
    /// Whom it is shared with.
    pub shared_with: &'a [String],
}

/// Which objects a principal may see in a list, so that the database can leave out the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListFilter {
    /// All of them.
    Everything,
    /// None.
    Nothing,
    /// Those that satisfy one of the conditions that are there; at least one is.
    Only {
        /// The owner is this subject.
        owner: Option<String>,
        /// The creator is this subject.
        creator: Option<String>,
        /// The object is shared with this subject.
        shared: Option<String>,
    },
}

/// Why somebody may not hand something in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The principal may not write here at all.
    #[error("no rule lets this principal hand anything in here")]
    NotAllowed,
    /// The principal may write only for itself.
    #[error("only a role or key that the space names may hand in for another owner")]
    NotForOthers,
    /// The owner that was asked for cannot be one.
    #[error("the owner {0}")]
    Owner(#[from] SubjectError),
}

impl Principal {
    /// Somebody who did not sign in.
    pub fn anonymous() -> Self {
        Self { subject: None, roles: Vec::new(), scopes: Vec::new(), kind: PrincipalKind::Anonymous }
    }

    /// Whether every rule is open: an API key with the scope `admin`.
    pub fn is_admin(&self) -> bool {
        matches!(self.kind, PrincipalKind::Key { .. }) && self.has_scope(ADMIN)
    }

    /// Whether it may tell of bytes that arrived: an API key with the scope `arrivals`, or the administrator's.
    pub fn may_tell_arrivals(&self) -> bool {
        matches!(self.kind, PrincipalKind::Key { .. }) && (self.has_scope(ARRIVALS) || self.has_scope(ADMIN))
    }

    /// Whether it proved itself at all.
    pub fn is_signed_in(&self) -> bool {
        self.kind != PrincipalKind::Anonymous
    }

    fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|own| own == scope)
    }

    fn is_subject(&self, name: Option<&str>) -> bool {
        name.is_some() && self.subject.as_deref() == name
    }
}

impl Rules {
    /// Whether the principal may do this with an object.
    pub fn allows(&self, principal: &Principal, object: &ObjectFacts<'_>) -> bool {
        self.allows_all(principal) || self.ties(principal, object)
    }

    /// Whether the principal may change an object that is there. `public` and `signed-in` let everybody act for
    /// themselves only, so that whoever may hand in cannot take over what others handed in.
    pub fn allows_change(&self, principal: &Principal, object: &ObjectFacts<'_>) -> bool {
        let theirs = principal.is_subject(object.owner) || principal.is_subject(object.creator);
        self.is_entrusted(principal) || (theirs && self.allows_all(principal)) || self.ties(principal, object)
    }

    /// Whether there may be an object that the principal may do this with.
    pub fn allows_anything(&self, principal: &Principal) -> bool {
        self.list_filter(principal) != ListFilter::Nothing
    }

    /// Which objects the principal may do this with.
    pub fn list_filter(&self, principal: &Principal) -> ListFilter {
        if self.allows_all(principal) {
            return ListFilter::Everything;
        }
        let if_ruled = |rule: &Rule| principal.subject.clone().filter(|_| self.contains(rule));
        let (owner, creator, shared) = (if_ruled(&Rule::Owner), if_ruled(&Rule::Creator), if_ruled(&Rule::Shared));
        if owner.is_none() && creator.is_none() && shared.is_none() {
            return ListFilter::Nothing;
        }
        ListFilter::Only { owner, creator, shared }
    }

    /// Whether one of the rules that look at the object fits.
    fn ties(&self, principal: &Principal, object: &ObjectFacts<'_>) -> bool {
        self.iter().any(|rule| match rule {
            Rule::Owner => principal.is_subject(object.owner),
            Rule::Creator => principal.is_subject(object.creator),
            Rule::Shared => object.shared_with.iter().any(|subject| principal.is_subject(Some(subject))),
            Rule::Public | Rule::SignedIn | Rule::Role(_) | Rule::Key(_) => false,
        })
    }

    /// Whether the principal may do this whatever the object is.
    fn allows_all(&self, principal: &Principal) -> bool {
        self.is_entrusted(principal)
            || self.contains(&Rule::Public)
            || (self.contains(&Rule::SignedIn) && principal.is_signed_in())
    }

    /// Whether the principal is the administrator, or has a role or a scope that is named here.
    fn is_entrusted(&self, principal: &Principal) -> bool {
        principal.is_admin()
            || self.iter().any(|rule| match rule {
                Rule::Role(role) => principal.is_signed_in() && principal.roles.contains(role),
                Rule::Key(scope) => principal.is_signed_in() && principal.has_scope(scope),
                Rule::Public | Rule::SignedIn | Rule::Owner | Rule::Creator | Rule::Shared => false,
            })
    }
}

/// Whether the principal may hand something in, and whom it will belong to.
///
/// Nobody asked for means the principal itself; that is nobody at all for the anonymous and for keys without a subject.
/// Handing in for somebody else takes a role or a scope that the rules name: `public`, `signed-in`, `owner` and
/// `creator` let everybody act for themselves only. `shared` lets nobody hand in, as there is nothing to share yet.
pub fn may_hand_in(
    rules: &Rules,
    principal: &Principal,
    requested_owner: Option<&str>,
) -> Result<Option<String>, Denied> {
    let is_entrusted = rules.is_entrusted(principal);
    let acts_for_itself = rules.iter().any(|rule| match rule {
        Rule::Public => true,
        Rule::SignedIn => principal.is_signed_in(),
        Rule::Owner | Rule::Creator => principal.subject.is_some(),
        Rule::Shared | Rule::Role(_) | Rule::Key(_) => false,
    });
    if !is_entrusted && !acts_for_itself {
        return Err(Denied::NotAllowed);
    }
    match requested_owner {
        None => Ok(principal.subject.clone()),
        Some(owner) if principal.is_subject(Some(owner)) => Ok(principal.subject.clone()),
        Some(_) if !is_entrusted => Err(Denied::NotForOthers),
        Some(owner) => {
            check_subject(owner)?;
            Ok(Some(owner.to_owned()))
        }
    }
}
