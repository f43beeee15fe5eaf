//! Gives each identity its credentials; those that come from one place share what was fetched there.

use strongroom_presign::CredentialsError;

use super::aws::{Aws, configured};
use super::sender::Sender;
use super::{Held, Reason, State};
use crate::ambient::Clock;
use crate::config::{self, CredentialSource, Identities};
use crate::storage::counts::Counts;

/// The credentials of those identities that a service is. Clones share them.
#[derive(Debug, Clone)]
pub struct Keyring {
    /// May get.
    pub(in crate::storage) reader: Held,
    /// May put.
    pub(in crate::storage) writer: Held,
    /// May promote, delete and list.
    pub(in crate::storage) janitor: Held,
    /// May configure; only commands are it.
    pub(in crate::storage) operator: Option<Held>,
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// A key cannot be one.
    #[error("the credentials of the {names} cannot be used: {source}")]
    Unfit {
        /// The identities.
        names: String,
        /// What is wrong with it.
        #[source]
        source: CredentialsError,
    },
    /// They could not be fetched.
    #[error("the credentials of the {names} could not be fetched from {place}: {reason}; {mend}")]
    Fetch {
        /// The identities.
        names: String,
        /// Where from.
        place: String,
        /// Why.
        reason: Reason,
        /// What to do.
        mend: &'static str,
    },
}

impl Keyring {
    /// Keys that stay as they are, as the embedded store has them.
    pub fn fixed(
        identities: &Identities<config::Credentials>,
        clock: &Clock,
        counts: &Counts,
    ) -> Result<Self, KeyringError> {
        let held = |name: &'static str, keys: &config::Credentials| {
            let credentials =
                configured(keys).map_err(|source| KeyringError::Unfit { names: name.to_owned(), source })?;
            Ok(Held::fixed(vec![name], credentials, clock, counts))
        };
        Ok(Self {
            reader: held("reader", &identities.reader)?,
            writer: held("writer", &identities.writer)?,
            janitor: held("janitor", &identities.janitor)?,
            operator: identities.operator.as_ref().map(|keys| held("operator", keys)).transpose()?,
        })
    }

    /// Fetches what has to be fetched, and keeps it fresh.
    pub async fn open(
        identities: &Identities<CredentialSource>,
        region: &str,
        http: &reqwest::Client,
        clock: &Clock,
        counts: &Counts,
    ) -> Result<Self, KeyringError> {
        let Identities { reader, writer, janitor, operator } = identities;
        let wanted = [("reader", reader), ("writer", writer), ("janitor", janitor)];
        let open = async |source: &CredentialSource| {
            let names = wanted.iter().filter(|(_, other)| *other == source).map(|(name, _)| *name).collect();
            hold(names, source, region, http, clock, counts).await
        };
        let reading = open(reader).await?;
        let writing = if writer == reader { reading.clone() } else { open(writer).await? };
        let cleaning = match janitor {
            same if same == reader => reading.clone(),
            same if same == writer => writing.clone(),
            other => open(other).await?,
        };
        let operator = match operator {
            Some(source) => Some(hold(vec!["operator"], source, region, http, clock, counts).await?),
            None => None,
        };
        Ok(Self { reader: reading, writer: writing, janitor: cleaning, operator })
    }

    /// How the credentials of each identity are.
    pub(in crate::storage) fn states(&self) -> [State; 3] {
        [self.reader.state(), self.writer.state(), self.janitor.state()]
    }
}

/// Fetches the credentials of one identity, and keeps them fresh for as long as they are held.
pub(in crate::storage) async fn hold(
    names: Vec<&'static str>,
    source: &CredentialSource,
    region: &str,
    http: &reqwest::Client,
    clock: &Clock,
    counts: &Counts,
) -> Result<Held, KeyringError> {
    let listed = names.join(", ");
    if let CredentialSource::Keys(keys) = source {
        let credentials = configured(keys).map_err(|source| KeyringError::Unfit { names: listed, source })?;
        return Ok(Held::fixed(names, credentials, clock, counts));
    }
    let aws = Aws { source: source.clone(), region: region.to_owned(), sender: Sender(http.clone()) };
    let fetched = Held::fetched(names, aws, clock, counts).await;
    fetched.map_err(|reason| {
        let (place, mend) = match source {
            CredentialSource::Role(role) => (
                format!("the role {}", role.arn),
                "see that the role trusts who takes it on, and that AWS's STS (or AWS_ENDPOINT_URL_STS) can be reached",
            ),
            CredentialSource::Profile(name) => {
                (format!("the profile `{name}`"), "see what `aws sts get-caller-identity --profile` says of it")
            }
            CredentialSource::Chain | CredentialSource::Keys(_) => (
                "the usual places (environment, profile, web identity, container, machine)".to_owned(),
                "set access_key_id and secret_access_key in [storage.reader], [storage.writer] and [storage.janitor], \
                 a role_arn or a profile there, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            ),
        };
        KeyringError::Fetch { names: listed, place, reason, mend }
    })
}
