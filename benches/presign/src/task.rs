//! What every contender is asked to sign: the operations, the bucket, the identity and the keys.

use std::fmt;

/// The bucket, reached as a virtual host of AWS.
pub(crate) const BUCKET: &str = "photos";
pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const ORIGIN: &str = "https://photos.s3.eu-central-1.amazonaws.com";
/// The host without the bucket, for those who put the bucket before it themselves.
pub(crate) const ENDPOINT: &str = "https://s3.eu-central-1.amazonaws.com";
/// The identity of AWS's own examples.
pub(crate) const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
pub(crate) const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
/// How long a link or form works, in seconds.
pub(crate) const LIFE: u32 = 3_600;

pub(crate) const DISPOSITION: &str = "attachment; filename=\"photo.jpg\"";
pub(crate) const CONTENT_TYPE: &str = "image/jpeg";
/// What an upload signs besides the host, names in lower case.
pub(crate) const HEADERS: [(&str, &str); 3] = [
    ("content-length", "52311"),
    ("content-type", CONTENT_TYPE),
    ("x-amz-checksum-sha256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="),
];
/// How many bytes a form may hand in.
pub(crate) const LEAST: u32 = 1;
pub(crate) const MOST: u32 = 10 * 1024 * 1024;

/// What is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// A download.
    Get,
    /// A download under a file name: with `response-content-disposition`.
    GetNamed,
    /// An upload.
    Put,
    /// An upload whose length, type and checksum are signed.
    PutSigned,
    /// A form: exact key and type, a range of lengths.
    Post,
}

impl Operation {
    pub(crate) const ALL: [Self; 5] = [Self::Get, Self::GetNamed, Self::Put, Self::PutSigned, Self::Post];

    /// The name among the figures and towards the clients in other languages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::GetNamed => "get_named",
            Self::Put => "put",
            Self::PutSigned => "put_signed",
            Self::Post => "post",
        }
    }

    /// The head of its column.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::GetNamed => "GET named",
            Self::Put => "PUT",
            Self::PutSigned => "PUT headers",
            Self::Post => "POST",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

/// Different keys of the same length, so that no result can be kept from one signature for the next.
pub(crate) fn keys() -> Vec<String> {
    (1_000..1_512).map(|number| format!("albums/{number}/photo.jpg")).collect()
}
