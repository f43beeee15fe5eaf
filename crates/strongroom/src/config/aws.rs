//! What the usual places of S3 tools say, without a network: the `AWS_…` variables and the profiles below `~/.aws`.
//!
//! Source: <https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>.

use std::io;
use std::path::{Path, PathBuf};

use strongroom_presign::CredentialsError;

use super::key_path::KeyPath;
use super::layers::Report;
use super::problem::{Problem, Source};
use super::secret::Secret;
use super::storage::Credentials;
use profiles::{Profiles, Settings};

mod profiles;
#[cfg(test)]
mod tests;

/// What the usual variables of S3 tools say.
#[derive(Debug, Default)]
pub(super) struct AwsVariables {
    pub(super) access_key_id: Option<String>,
    pub(super) secret_access_key: Option<Secret>,
    pub(super) session_token: Option<Secret>,
    /// When the keys end, as `aws configure export-credentials` writes it.
    expiration: Option<String>,
    pub(super) region: Option<String>,
    pub(super) endpoint: Option<(&'static str, String)>,
    /// Whether endpoints that are configured are to be left unused, if the environment says either.
    ignores_endpoints: Option<bool>,
}

impl AwsVariables {
    /// Picks the variables out of the environment. Empty ones count as unset, as they do for AWS's own tools.
    pub(super) fn from_environment(environment: &[(String, String)]) -> Self {
        let get = |name: &str| variable(environment, name).map(str::to_owned);
        let ignores_endpoints = variable(environment, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").map(is_true);
        let endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]
            .into_iter()
            .filter(|_| ignores_endpoints != Some(true))
            .find_map(|name| Some((name, get(name)?)));
        Self {
            access_key_id: get("AWS_ACCESS_KEY_ID"),
            secret_access_key: get("AWS_SECRET_ACCESS_KEY").map(Secret::new),
            session_token: get("AWS_SESSION_TOKEN").map(Secret::new),
            expiration: get("AWS_CREDENTIAL_EXPIRATION"),
            region: get("AWS_REGION").or_else(|| get("AWS_DEFAULT_REGION")),
            endpoint,
            ignores_endpoints,
        }
    }

    /// The keys of the environment, if both halves are there.
    pub(super) fn credentials(&self, report: &mut Report) -> Option<Credentials> {
        let keys = self.keys();
        match keys {
            Ok(keys) => keys,
            Err(error) => {
                let variable = "AWS_CREDENTIAL_EXPIRATION".to_owned();
                let (source, key) = (Source::Environment { variable }, KeyPath::of(["storage"]));
                report.problems.push(Problem { source, key, value: None, message: error.to_string() });
                None
            }
        }
    }

    fn keys(&self) -> Result<Option<Credentials>, AwsError> {
        let (Some(access_key_id), Some(secret_access_key)) = (&self.access_key_id, &self.secret_access_key) else {
            return Ok(None);
        };
        let end = self.expiration.as_deref().map(str::parse).transpose();
        Ok(Some(Credentials {
            access_key_id: access_key_id.clone(),
            secret_access_key: secret_access_key.clone(),
            session_token: self.session_token.clone(),
            expires_at: end.map_err(|_| AwsError::Expiration)?,
        }))
    }
}

fn variable<'e>(environment: &'e [(String, String)], name: &str) -> Option<&'e str> {
    environment.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

/// AWS's tools take any other word for no.
fn is_true(text: &str) -> bool {
    text.eq_ignore_ascii_case("true")
}

/// The variables and one profile together. A variable goes before what the profile says of the same thing.
#[derive(Debug)]
pub struct Aws {
    variables: AwsVariables,
    profile: String,
    /// A profile named on the command line goes before the keys of the environment.
    is_asked_for: bool,
    settings: Settings,
    /// Keys in the credentials file go before all that fetches credentials but a role or single sign-on; those in the
    /// other file come last.
    has_own_keys: bool,
    looked_in: [PathBuf; 2],
}

/// Why the usual places give no credentials. No message repeats a secret.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// A file is there and cannot be read.
    #[error("{} cannot be read; make it readable, or name another one with {variable}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The variable that names another one.
        variable: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A line of a file means nothing.
    #[error("line {line} of {} is neither `[section]` nor `name = value`; mend it, or name another file with {variable}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The variable that names another one.
        variable: &'static str,
    },
    /// The profile is in neither file.
    #[error("there is no profile `{name}` in {} or {}; {known}", looked_in[0].display(), looked_in[1].display())]
    NoProfile {
        /// What was asked for.
        name: String,
        /// Both files.
        looked_in: [PathBuf; 2],
        /// Which profiles there are, as a half sentence.
        known: String,
    },
    /// The credentials of the profile are not in it: they have to be fetched, and signing asks nobody.
    #[error(
        "the profile `{profile}` fetches its credentials when they are needed ({setting}), and this command works \
         without a network; fetch them first, with\n  \
         eval \"$(aws configure export-credentials --profile '{profile}' --format env)\""
    )]
    Fetched {
        /// The profile.
        profile: String,
        /// The setting that says so.
        setting: &'static str,
    },
    /// One half of a key without the other.
    #[error("{place} has {has} without {lacks}; set both")]
    Half {
        /// Where.
        place: String,
        /// What is there.
        has: &'static str,
        /// What is not.
        lacks: &'static str,
    },
    /// Nothing anywhere.
    #[error(
        "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile of {} or {} \
         with --profile (looked for `{profile}`)",
        looked_in[0].display(),
        looked_in[1].display()
    )]
    None {
        /// The profile that was looked for.
        profile: String,
        /// Both files.
        looked_in: [PathBuf; 2],
    },
    /// The keys cannot be keys.
    #[error("the credentials cannot be used: {0}; copy them again from where they were made")]
    Unfit(#[from] CredentialsError),
    /// The end of temporary credentials is no time.
    #[error(
        "AWS_CREDENTIAL_EXPIRATION is not a time such as 2026-01-31T12:00:00Z; unset it, or fetch the credentials anew"
    )]
    Expiration,
}

const FILES: [(&str, &str); 2] = [("AWS_SHARED_CREDENTIALS_FILE", "credentials"), ("AWS_CONFIG_FILE", "config")];

/// Settings that make a profile's credentials something to be fetched, even where keys stand beside them.
const FETCHED_FIRST: [&str; 5] =
    ["role_arn", "sso_session", "sso_account_id", "sso_start_url", "web_identity_token_file"];
/// Settings that count only where the credentials file has no keys: those of the config file come after them.
const FETCHED_NEXT: [&str; 2] = ["login_session", "credential_process"];
/// The setting that counts only where neither file has keys.
const FETCHED_LAST: [&str; 1] = ["credential_source"];

impl Aws {
    /// Reads variables and files. `profile` is one that was asked for; else `AWS_PROFILE` names it, or `default`.
    pub fn read(environment: &[(String, String)], profile: Option<&str>) -> Result<Self, AwsError> {
        let home = variable(environment, "HOME").map(PathBuf::from);
        let looked_in = FILES.map(|(name, file)| match variable(environment, name) {
            Some(path) => match (path.strip_prefix("~/"), &home) {
                (Some(rest), Some(home)) => home.join(rest),
                _ => PathBuf::from(path),
            },
            None => home.as_deref().unwrap_or(Path::new("~")).join(".aws").join(file),
        });
        let named = profile.or_else(|| variable(environment, "AWS_PROFILE"));
        let name = named.unwrap_or("default");
        let [credentials, config] = &looked_in;
        let credentials = Profiles::read(credentials, FILES[0].0, false)?;
        let config = Profiles::read(config, FILES[1].0, true)?;
        let credentials_of = credentials.settings(name);
        let has_own_keys = credentials_of.as_ref().is_some_and(|own| own.get("aws_access_key_id").is_some());
        let settings = match (config.settings(name), credentials_of) {
            (None, None) if named.is_some() => {
                let known = known(config.names().chain(credentials.names()));
                return Err(AwsError::NoProfile { name: name.to_owned(), looked_in, known });
            }
            (config, credentials) => config.unwrap_or_default().overlaid(credentials.unwrap_or_default()),
        };
        Ok(Self {
            variables: AwsVariables::from_environment(environment),
            profile: name.to_owned(),
            is_asked_for: profile.is_some(),
            settings,
            has_own_keys,
            looked_in,
        })
    }

    /// The region, if any place names one.
    pub fn region(&self) -> Option<&str> {
        self.variables.region.as_deref().or_else(|| self.settings.get("region"))
    }

    /// The endpoint's URL, if any place names one and none says that such are to be ignored.
    pub fn endpoint(&self) -> Option<&str> {
        let of_profile = || self.settings.get("ignore_configured_endpoint_urls").is_some_and(is_true);
        if self.variables.ignores_endpoints.unwrap_or_else(of_profile) {
            return None;
        }
        let variable = self.variables.endpoint.as_ref().map(|(_, url)| url.as_str());
        variable.or_else(|| self.settings.get("s3.endpoint_url")).or_else(|| self.settings.get("endpoint_url"))
    }

    /// `path`, `virtual` or `auto`, if the profile says so.
    pub fn addressing_style(&self) -> Option<&str> {
        self.settings.get("s3.addressing_style")
    }

    /// The credentials, from the first place that has any.
    pub fn credentials(&self) -> Result<strongroom_presign::Credentials, AwsError> {
        if !self.is_asked_for
            && let Some(credentials) = self.of_environment()?
        {
            return Ok(credentials);
        }
        self.of_profile()
    }

    fn of_environment(&self) -> Result<Option<strongroom_presign::Credentials>, AwsError> {
        let Some(keys) = self.variables.keys()? else {
            let (id, secret) = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
            return match (&self.variables.access_key_id, &self.variables.secret_access_key) {
                (None, None) => Ok(None),
                (Some(_), _) => Err(AwsError::Half { place: "the environment".to_owned(), has: id, lacks: secret }),
                (None, _) => Err(AwsError::Half { place: "the environment".to_owned(), has: secret, lacks: id }),
            };
        };
        let credentials = fit(&keys)?;
        Ok(Some(match keys.expires_at {
            None => credentials,
            Some(end) => credentials.with_expiry(end.as_second()),
        }))
    }

    fn of_profile(&self) -> Result<strongroom_presign::Credentials, AwsError> {
        let fetched = |settings: &[&'static str]| {
            let setting = settings.iter().find(|setting| self.settings.get(setting).is_some());
            setting.map(|setting| AwsError::Fetched { profile: self.profile.clone(), setting })
        };
        if let Some(error) = fetched(&FETCHED_FIRST) {
            return Err(error);
        }
        if let Some(error) = fetched(&FETCHED_NEXT).filter(|_| !self.has_own_keys) {
            return Err(error);
        }
        let (id, secret) = ("aws_access_key_id", "aws_secret_access_key");
        let place = || format!("the profile `{}`", self.profile);
        match (self.settings.get(id), self.settings.get(secret)) {
            (Some(access_key_id), Some(secret_access_key)) => fit(&Credentials {
                access_key_id: access_key_id.to_owned(),
                secret_access_key: Secret::new(secret_access_key),
                session_token: self.settings.get("aws_session_token").map(Secret::new),
                expires_at: None,
            }),
            (Some(_), None) => Err(AwsError::Half { place: place(), has: id, lacks: secret }),
            (None, Some(_)) => Err(AwsError::Half { place: place(), has: secret, lacks: id }),
            (None, None) => Err(fetched(&FETCHED_LAST).unwrap_or_else(|| AwsError::None {
                profile: self.profile.clone(),
                looked_in: self.looked_in.clone(),
            })),
        }
    }
}

fn fit(keys: &Credentials) -> Result<strongroom_presign::Credentials, AwsError> {
    let credentials = strongroom_presign::Credentials::new(&keys.access_key_id, keys.secret_access_key.expose())?;
    Ok(match &keys.session_token {
        Some(token) => credentials.with_session_token(token.expose())?,
        None => credentials,
    })
}

fn known<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    names.sort();
    names.dedup();
    if names.is_empty() { "there is none in them".to_owned() } else { format!("there is {}", names.join(", ")) }
}
