//! The access key, secret and session token that sign, kept out of logs and wiped from memory when dropped.

use std::fmt;

use zeroize::Zeroizing;

/// Credentials for the S3 protocol. `Debug` shows the access key alone; the secrets are overwritten on drop.
///
/// ```
/// use strongroom_presign::Credentials;
/// let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")?;
/// assert!(!format!("{credentials:?}").contains("wJalr"));
/// # Ok::<(), strongroom_presign::CredentialsError>(())
/// ```
#[derive(Clone)]
pub struct Credentials {
    access_key: String,
    secret_key: Zeroizing<String>,
    session_token: Option<Zeroizing<String>>,
    expires_at: Option<i64>,
}

impl Credentials {
    /// Long-lived credentials.
    pub fn new(access_key: impl Into<String>, secret_key: impl Into<String>) -> Result<Self, CredentialsError> {
        let access_key = access_key.into();
        let secret_key = Zeroizing::new(secret_key.into());
        check_access_key(&access_key)?;
        if secret_key.is_empty() || secret_key.len() > 1_024 {
            return Err(CredentialsError::SecretLength);
        }
        Ok(Self { access_key, secret_key, session_token: None, expires_at: None })
    }

    /// Adds the session token that temporary credentials come with.
    pub fn with_session_token(mut self, token: impl Into<String>) -> Result<Self, CredentialsError> {
        let token = Zeroizing::new(token.into());
        if token.is_empty() || token.len() > 16_384 || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(CredentialsError::Token);
        }
        self.session_token = Some(token);
        Ok(self)
    }

    /// Says when the credentials end, in Unix seconds; nothing is signed for longer than that.
    #[must_use]
    pub fn with_expiry(mut self, unix_seconds: i64) -> Self {
        self.expires_at = Some(unix_seconds);
        self
    }

    /// The public half.
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// The secret half. Take care where it goes.
    pub fn secret_key(&self) -> &str {
        &self.secret_key
    }

    /// The session token, if these are temporary credentials.
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_ref().map(|token| token.as_str())
    }

    /// When the credentials end, in Unix seconds, if they do.
    pub fn expires_at(&self) -> Option<i64> {
        self.expires_at
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key", &self.access_key)
            .field("secret_key", &"[redacted]")
            .field("session_token", &self.session_token.as_ref().map(|_| "[redacted]"))
            .field("expires_at", &self.expires_at)
            .finish()
    }
}

/// Why credentials were refused. No message repeats a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The access key is empty, over 128 bytes or holds a byte that cannot stand in a credential scope.
    #[error("an access key is 1 to 128 letters, digits or one of `-._~+=@`")]
    AccessKey,
    /// The secret is empty or over 1,024 bytes.
    #[error("a secret key is 1 to 1024 bytes long")]
    SecretLength,
    /// The session token is empty, over 16 KiB or not printable ASCII.
    #[error("a session token is 1 to 16384 printable ASCII characters")]
    Token,
}

fn check_access_key(access_key: &str) -> Result<(), CredentialsError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+=@".contains(&byte);
    if (1..=128).contains(&access_key.len()) && access_key.bytes().all(fits) {
        Ok(())
    } else {
        Err(CredentialsError::AccessKey)
    }
}
