//! What the kinds of S3 storage can and cannot do: one table of facts, which every rule goes by instead of by names.

use serde::Deserialize;

use super::Addressing;
use crate::config::key_path::KeyPath;
use crate::config::layers::Report;
use crate::config::origin::Origin;
use crate::config::size;

/// The shortest part that S3 takes, the last one excepted.
pub const LEAST_PART: u64 = 5 << 20;

/// How much the service itself sends at once.
const LEAST_PUT: u64 = 8 << 20;

/// The longest body, and the longest source of one copy, that S3 takes.
const FIVE_GIB: u64 = 5 << 30;

/// The kind of storage behind the S3 protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// The store inside this program. Nobody writes that down: it is what there is without a bucket.
    #[serde(skip)]
    Embedded,
    /// AWS S3.
    Aws,
    /// `DigitalOcean` Spaces.
    Spaces,
    /// Ceph's object gateway.
    Ceph,
    /// Garage.
    Garage,
    /// `SeaweedFS`.
    Seaweedfs,
    /// `MinIO` and its kin.
    Minio,
    /// Cloudflare R2.
    R2,
    /// Backblaze B2.
    B2,
    /// Any other, of which nothing is taken for granted.
    Generic,
}

/// What a kind of storage can and cannot do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "it is the row of a table whose columns say yes or no")]
pub struct Profile {
    /// Where the bucket's name stands in a URL.
    pub addressing: Addressing,
    /// Whether it takes a form POST.
    pub form_post: bool,
    /// Whether it takes `x-amz-checksum-sha256` and holds an upload to it.
    pub checksums: bool,
    /// Which ACL is signed into uploads.
    pub upload_acl: UploadAcl,
    /// Whether it obeys `x-amz-*` headers on a signed URL that the signature does not cover. With such a storage, only
    /// what the writer's key may not read stops an upload URL from becoming a copy of something else.
    pub obeys_unsigned_headers: bool,
    /// Whether a PUT with `If-None-Match: *` never replaces anything, however many come at once. A copy may all the
    /// same, where an upload URL can be turned into one.
    pub conditional_put: bool,
    /// Whether it takes signatures of Version 2.
    pub signature_version_2: bool,
    /// Whether the CORS rules of a bucket can be set through the S3 protocol.
    pub bucket_cors: bool,
    /// The longest body of one request, in bytes.
    pub longest_put: u64,
    /// The longest object, or part of one, that one copy takes, in bytes.
    pub longest_copy: u64,
    /// How many parts an object may have.
    pub most_parts: u16,
    /// Whether somebody else's object can be copied in parts. Where it cannot, what the writer put is never longer than
    /// one copy takes.
    pub copies_in_parts: bool,
}

/// Which ACL is signed into uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UploadAcl {
    /// None: the storage has no ACLs, refuses them, or refuses every header that is not signed.
    None,
    /// `private`: the storage would obey another that the uploader adds.
    Private,
}

impl UploadAcl {
    /// The value of `x-amz-acl`, if there is one.
    pub fn header(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Private => Some("private"),
        }
    }
}

/// What holds of a storage of which nothing is known.
const GENERIC: Profile = Profile {
    addressing: Addressing::Path,
    form_post: false,
    checksums: false,
    upload_acl: UploadAcl::Private,
    obeys_unsigned_headers: true,
    conditional_put: false,
    signature_version_2: false,
    bucket_cors: false,
    longest_put: FIVE_GIB,
    longest_copy: FIVE_GIB,
    most_parts: 10_000,
    copies_in_parts: true,
};

const AWS: Profile = Profile {
    addressing: Addressing::VirtualHost,
    form_post: true,
    checksums: true,
    upload_acl: UploadAcl::None,
    obeys_unsigned_headers: false,
    conditional_put: true,
    bucket_cors: true,
    ..GENERIC
};

const CEPH: Profile = Profile {
    form_post: true,
    conditional_put: true,
    signature_version_2: true,
    bucket_cors: true,
    copies_in_parts: false,
    ..GENERIC
};

impl Profile {
    /// Whether one PUT may go straight to the key that its bytes are served from: nothing that the uploader does with
    /// the URL can then replace what lies there.
    pub fn puts_are_final(&self) -> bool {
        self.conditional_put && !self.obeys_unsigned_headers
    }
}

impl Provider {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::Embedded,
        Self::Aws,
        Self::Spaces,
        Self::Ceph,
        Self::Garage,
        Self::Seaweedfs,
        Self::Minio,
        Self::R2,
        Self::B2,
        Self::Generic,
    ];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Aws => "aws",
            Self::Spaces => "spaces",
            Self::Ceph => "ceph",
            Self::Garage => "garage",
            Self::Seaweedfs => "seaweedfs",
            Self::Minio => "minio",
            Self::R2 => "r2",
            Self::B2 => "b2",
            Self::Generic => "generic",
        }
    }

    /// The kind that an endpoint gives away by its host, where that is sure.
    pub fn of(endpoint: &Origin) -> Self {
        const HOSTS: [(&str, Provider); 5] = [
            ("amazonaws.com", Provider::Aws),
            ("amazonaws.com.cn", Provider::Aws),
            ("digitaloceanspaces.com", Provider::Spaces),
            ("r2.cloudflarestorage.com", Provider::R2),
            ("backblazeb2.com", Provider::B2),
        ];
        let host = endpoint.host();
        let is_below = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
        HOSTS.iter().find(|(domain, _)| is_below(domain)).map_or(Self::Generic, |(_, provider)| *provider)
    }

    /// What is known of it. `docs/providers.md` says which of this was tried, and which was only read.
    pub fn profile(self) -> Profile {
        match self {
            Self::Embedded => {
                Profile { addressing: Addressing::Path, longest_put: u64::MAX, longest_copy: u64::MAX, ..AWS }
            }
            Self::Aws => AWS,
            // A kin of Ceph, whose version nobody tells.
            Self::Spaces => Profile {
                addressing: Addressing::VirtualHost,
                conditional_put: false,
                signature_version_2: false,
                // All keys of a team there are those of one owner.
                copies_in_parts: true,
                ..CEPH
            },
            Self::Ceph => CEPH,
            Self::Garage => Profile { form_post: true, upload_acl: UploadAcl::None, bucket_cors: true, ..GENERIC },
            Self::Seaweedfs => Profile { addressing: Addressing::Path, ..AWS },
            Self::Minio => Profile { form_post: true, checksums: true, signature_version_2: true, ..GENERIC },
            Self::R2 => Profile {
                upload_acl: UploadAcl::None,
                bucket_cors: true,
                longest_put: FIVE_GIB - (5 << 20),
                longest_copy: FIVE_GIB - (5 << 20),
                ..GENERIC
            },
            Self::B2 => Profile {
                upload_acl: UploadAcl::None,
                bucket_cors: true,
                longest_put: 5_000_000_000,
                longest_copy: 5_000_000_000,
                ..GENERIC
            },
            Self::Generic => GENERIC,
        }
    }
}

/// What an installation says of its storage, against the table.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawProfile {
    form_post: Option<bool>,
    checksums: Option<bool>,
    upload_acl: Option<UploadAcl>,
    obeys_unsigned_headers: Option<bool>,
    conditional_put: Option<bool>,
    bucket_cors: Option<bool>,
    #[serde(deserialize_with = "size::deserialize")]
    longest_put: Option<u64>,
    #[serde(deserialize_with = "size::deserialize")]
    longest_copy: Option<u64>,
    most_parts: Option<u16>,
    copies_in_parts: Option<bool>,
}

impl RawProfile {
    /// The table's row with what was said laid over it.
    pub(super) fn over(&self, base: Profile, section: &KeyPath, report: &mut Report) -> Profile {
        let profile = Profile {
            addressing: base.addressing,
            form_post: self.form_post.unwrap_or(base.form_post),
            checksums: self.checksums.unwrap_or(base.checksums),
            upload_acl: self.upload_acl.unwrap_or(base.upload_acl),
            obeys_unsigned_headers: self.obeys_unsigned_headers.unwrap_or(base.obeys_unsigned_headers),
            conditional_put: self.conditional_put.unwrap_or(base.conditional_put),
            signature_version_2: base.signature_version_2,
            bucket_cors: self.bucket_cors.unwrap_or(base.bucket_cors),
            longest_put: self.longest_put.unwrap_or(base.longest_put),
            longest_copy: self.longest_copy.unwrap_or(base.longest_copy),
            most_parts: self.most_parts.unwrap_or(base.most_parts),
            copies_in_parts: self.copies_in_parts.unwrap_or(base.copies_in_parts),
        };
        if profile.longest_put < LEAST_PUT {
            report.problem(
                &section.then("longest_put"),
                "is less than the 8 MiB that the service sends at once; write \"8 MiB\" or more",
            );
        }
        if profile.longest_copy < LEAST_PART {
            report.problem(
                &section.then("longest_copy"),
                "is less than the shortest part of S3; write \"5 MiB\" or more",
            );
        }
        if !(1..=10_000).contains(&profile.most_parts) {
            report.problem(&section.then("most_parts"), "must be from 1 to 10000: S3 numbers no more parts");
        }
        let key = section.then("conditional_put");
        if profile.conditional_put && profile.obeys_unsigned_headers && report.is_set(&key) {
            report.problem(
                &key,
                "protects nothing on a storage that obeys unsigned headers, because x-amz-copy-source makes a copy of the                  upload, and a copy replaces what is there; write obeys_unsigned_headers = false if the storage refuses                  such headers, or remove this key",
            );
        }
        profile
    }
}
