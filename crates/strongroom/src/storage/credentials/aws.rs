//! Fetches credentials the way every AWS tool does: profiles, web identities, containers, machines, roles.
//!
//! Source: <https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>. The library reads the
//! `AWS_…` variables and the files below `~/.aws` by itself, which is what makes it find what the others find.

use std::future::Future;
use std::pin::Pin;
use std::time::UNIX_EPOCH;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use strongroom_presign::Credentials;

use super::sender::Sender;
use super::{Reason, Source};
use crate::config::{self, CredentialSource, Role};

/// Fetches what a configured source gives.
#[derive(Debug)]
pub(super) struct Aws {
    pub(super) source: CredentialSource,
    pub(super) region: String,
    pub(super) sender: Sender,
}

impl Source for Aws {
    fn fetch(&self) -> Pin<Box<dyn Future<Output = Result<Credentials, Reason>> + Send + '_>> {
        // What fetches is made anew each time, because it remembers the files that it has read.
        Box::pin(async {
            let provider = self.provider(&self.source).await;
            let credentials = provider.provide_credentials().await.map_err(|error| in_words(&error))?;
            let end = credentials.expiry().and_then(|end| end.duration_since(UNIX_EPOCH).ok());
            let (id, secret) = (credentials.access_key_id(), credentials.secret_access_key());
            let fetched = fit(id, secret, credentials.session_token()).map_err(|error| error.to_string())?;
            Ok(match end.and_then(|end| i64::try_from(end.as_secs()).ok()) {
                Some(end) => fetched.with_expiry(end),
                None => fetched,
            })
        })
    }
}

impl Aws {
    async fn provider(&self, source: &CredentialSource) -> SharedCredentialsProvider {
        let region = Region::new(self.region.clone());
        let configuration = ProviderConfig::default()
            .with_region(Some(region.clone()))
            .with_behavior_version(Some(BehaviorVersion::latest()))
            .with_http_client(self.sender.clone());
        match source {
            CredentialSource::Keys(keys) => SharedCredentialsProvider::new(aws_credential_types::Credentials::new(
                &keys.access_key_id,
                keys.secret_access_key.expose(),
                keys.session_token.as_ref().map(|token| token.expose().to_owned()),
                None,
                "configuration",
            )),
            CredentialSource::Profile(name) => {
                let provider = ProfileFileCredentialsProvider::builder().profile_name(name).configure(&configuration);
                SharedCredentialsProvider::new(provider.build())
            }
            CredentialSource::Chain => {
                let chain = DefaultCredentialsChain::builder().region(region).configure(configuration);
                SharedCredentialsProvider::new(chain.build().await)
            }
            CredentialSource::Role(role) => SharedCredentialsProvider::new(self.role(role, region).await),
        }
    }

    async fn role(&self, role: &Role, region: Region) -> AssumeRoleProvider {
        let configuration = aws_config::defaults(BehaviorVersion::latest())
            .no_credentials()
            .region(region)
            .http_client(self.sender.clone())
            .load()
            .await;
        let mut taking = AssumeRoleProvider::builder(&role.arn).session_name(&role.session_name);
        if let Some(id) = &role.external_id {
            taking = taking.external_id(id);
        }
        let base = Box::pin(self.provider(&role.base)).await;
        taking.configure(&configuration).build_from_provider(base).await
    }
}

/// Whose credentials a configured source gives, as AWS's STS says it: the ARN of a user or a role.
pub async fn owner(source: &CredentialSource, region: &str, http: &reqwest::Client) -> Result<String, Reason> {
    let aws = Aws { source: source.clone(), region: region.to_owned(), sender: Sender(http.clone()) };
    let configuration = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .http_client(aws.sender.clone())
        .credentials_provider(aws.provider(source).await)
        .retry_config(RetryConfig::disabled())
        .load()
        .await;
    let answer = aws_sdk_sts::Client::new(&configuration).get_caller_identity().send().await;
    let told = answer.map_err(|error| in_words(&error))?;
    told.arn.ok_or_else(|| "the answer names nobody".to_owned())
}

/// Credentials as signing takes them.
pub(super) fn fit(
    id: &str,
    secret: &str,
    token: Option<&str>,
) -> Result<Credentials, strongroom_presign::CredentialsError> {
    let credentials = Credentials::new(id, secret)?;
    match token.filter(|token| !token.is_empty()) {
        Some(token) => credentials.with_session_token(token),
        None => Ok(credentials),
    }
}

/// As [`fit`], for what stands in the configuration.
pub(super) fn configured(keys: &config::Credentials) -> Result<Credentials, strongroom_presign::CredentialsError> {
    let credentials = fit(
        &keys.access_key_id,
        keys.secret_access_key.expose(),
        keys.session_token.as_ref().map(config::Secret::expose),
    )?;
    Ok(match keys.expires_at {
        Some(end) => credentials.with_expiry(end.as_second()),
        None => credentials,
    })
}

/// An error with its causes, each once: the library says only the outermost, and that says little.
fn in_words(error: &dyn std::error::Error) -> Reason {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_words = cause.to_string();
        if !words.contains(&cause_words) {
            words.push_str(": ");
            words.push_str(&cause_words);
        }
        source = cause.source();
    }
    words
}
