//! Whose the credentials are: the public half of each key, and on AWS what STS says of it.

use super::{Check, Instruments};
use crate::config::{CredentialSource, External, Place, Provider};
use crate::storage::{Identity, Storage, owner};

pub(super) async fn look(tools: Instruments<'_>, storage: &Storage) -> Check {
    let mut found = Vec::new();
    for identity in Identity::of(tools.config.storage.rank) {
        let Some(key) = storage.access_key(identity) else { continue };
        let owner = match &tools.config.storage.place {
            Place::External(external) if tools.config.storage.provider == Provider::Aws => {
                let Some(source) = source(external, identity) else { continue };
                match owner(source, &external.region, tools.http).await {
                    Ok(arn) => format!(" of {arn}"),
                    // Nothing but this check needs STS, which may be out of reach.
                    Err(reason) => format!(" (STS does not say whose: {reason})"),
                }
            }
            _ => String::new(),
        };
        found.push(format!("the {identity} has the key {key}{owner}"));
    }
    Check::good("owners", found.join("; "))
}

fn source(external: &External, identity: Identity) -> Option<&CredentialSource> {
    match identity {
        Identity::Reader => Some(&external.identities.reader),
        Identity::Writer => Some(&external.identities.writer),
        Identity::Janitor => Some(&external.identities.janitor),
        Identity::Operator => external.identities.operator.as_ref(),
    }
}
