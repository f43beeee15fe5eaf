//! The JSON that more than one route speaks.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::db::objects::{Media, Object};
use crate::db::pictures::{Picture, Variant};
use crate::db::uploads::{Method, Upload};
use crate::links::Links;
use crate::storage::{Part, SignedUrl};
use crate::uploads::{PartUrl, Ticket};

/// One thing somebody handed in, with a link if the asker may read it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Object)]
pub(crate) struct ObjectJson {
    /// Its stable id.
    id: Uuid,
    /// The space it lives in.
    space: String,
    /// The subject it belongs to.
    owner: Option<String>,
    /// The subject that handed it in.
    creator: Option<String>,
    /// The group it was handed in with.
    group: Option<String>,
    /// What people call it.
    name: String,
    /// Words to find it by.
    tags: Vec<String>,
    /// Whatever the application wants to remember.
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    /// Subjects that the rule `shared` lets in.
    shared_with: Vec<String>,
    /// When it was handed in (RFC 3339).
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it, or what is said of it, last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// When it was deleted.
    #[schema(value_type = Option<String>, format = DateTime)]
    deleted_at: Option<Timestamp>,
    /// The content that is served.
    version: VersionJson,
    /// Where it can be looked at as it was handed in, for a while.
    link: Option<LinkJson>,
    /// What was made of it, if it is a picture in a space that declares variants.
    picture: Option<PictureJson>,
    /// What it tells of itself, if it is a sound or a video of a kind that is read.
    media: Option<MediaJson>,
}

/// What a sound or a video tells of itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Media)]
pub(crate) struct MediaJson {
    /// How long it takes, in milliseconds.
    duration_ms: Option<i64>,
    /// Pixels in a row, as it is shown.
    width: Option<i64>,
    /// Rows.
    height: Option<i64>,
}

/// What is known of a picture, and what was made of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Picture)]
pub(crate) struct PictureJson {
    /// `waiting`, `made` or `refused`. While it waits, what was made before is still there.
    state: &'static str,
    /// Why it was refused.
    reason: Option<ReasonJson>,
    /// Pixels in a row, as it is shown.
    width: Option<i64>,
    /// Rows.
    height: Option<i64>,
    /// More than one if it moves.
    frames: Option<i64>,
    /// The colour that covers most of it, such as `#aabbcc`.
    dominant: Option<String>,
    /// A blurred likeness to show until the picture is there (`ThumbHash`, base64).
    thumbhash: Option<String>,
    /// What was made of it. Of one name there may be two formats: who can show WebP takes that.
    variants: Vec<VariantJson>,
    /// Names of variants that `GET /v1/objects/{id}/variants/{name}` makes when they are not there.
    on_demand: Vec<String>,
}

/// A picture that was made of another.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Variant)]
pub(crate) struct VariantJson {
    /// As the space declares it.
    name: String,
    /// Its content type.
    content_type: String,
    /// Pixels in a row.
    width: i64,
    /// Rows.
    height: i64,
    /// Its length.
    bytes: i64,
    /// Where it can be looked at. The URL stays the same for a while, so that browsers can cache what it names.
    url: String,
    /// From then on the URL is refused.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// One immutable content.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Version)]
struct VersionJson {
    /// Counts from 1.
    number: i64,
    /// The key under the location.
    key: String,
    /// What was found in its bytes.
    content_type: String,
    /// Its length.
    bytes: i64,
    /// SHA-256, lowercase hex.
    sha256: String,
    /// When it became readable.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// A time-limited URL.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Link)]
pub(crate) struct LinkJson {
    /// The URL. It stays the same for a while, so that browsers can cache what it names.
    url: String,
    /// From then on it is refused.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// A permission to send bytes to storage, and how far that has come.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Upload)]
pub(crate) struct UploadJson {
    /// Its id.
    id: Uuid,
    /// The object that it becomes.
    object_id: Uuid,
    /// The space of that object.
    space: String,
    /// `put`, `post` or `multipart`.
    method: &'static str,
    /// The method that was asked for, where the storage cannot do it and `method` takes its place.
    instead_of: Option<&'static str>,
    /// `open`, `verifying`, `ready`, `rejected`, `aborted` or `expired`.
    state: &'static str,
    /// From then on it is over. As long as it is not, asking for it gives fresh URLs.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// From then on the URLs given here are refused.
    #[schema(value_type = Option<String>, format = DateTime)]
    urls_expire_at: Option<Timestamp>,
    /// Where to PUT the bytes, or to POST the form.
    url: Option<String>,
    /// Headers that must come with the PUT, each with exactly this value.
    #[schema(value_type = Object)]
    headers: Map<String, Value>,
    /// Fields of the form, to be sent before the file.
    #[schema(value_type = Option<Object>)]
    fields: Option<Map<String, Value>>,
    /// How long each part but the last is.
    part_bytes: Option<u64>,
    /// How many parts there are.
    part_count: Option<u64>,
    /// Where to PUT the first parts.
    parts: Option<Vec<PartUrlJson>>,
    /// The parts that have arrived.
    received: Option<Vec<PartJson>>,
    /// Why it was rejected.
    reason: Option<ReasonJson>,
}

/// Where to PUT one part.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PartUrl)]
pub(crate) struct PartUrlJson {
    /// Its number, from 1.
    number: u16,
    /// Where.
    url: String,
}

/// A part that has arrived.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Part)]
pub(crate) struct PartJson {
    /// Its number.
    number: u16,
    /// Its length.
    bytes: u64,
    /// Its entity tag.
    etag: String,
}

/// Why bytes were refused.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reason)]
struct ReasonJson {
    /// A stable code.
    code: String,
    /// The same in words.
    detail: String,
}

impl ObjectJson {
    pub(crate) fn new(object: Object, links: Links) -> Self {
        let version = object.version;
        Self {
            id: object.id,
            space: object.space,
            owner: object.owner,
            creator: object.creator,
            group: object.group,
            name: object.name,
            tags: object.tags,
            metadata: object.metadata,
            shared_with: object.shared_with,
            created_at: object.created_at,
            updated_at: object.updated_at,
            deleted_at: object.deleted_at,
            version: VersionJson {
                number: version.number,
                key: version.key,
                content_type: version.content_type,
                bytes: version.bytes,
                sha256: version.sha256,
                created_at: version.created_at,
            },
            link: links.original.map(|link| LinkJson { url: link.url, expires_at: link.expires_at }),
            picture: links.picture.map(|(picture, found)| PictureJson::new(picture, found, links.on_demand)),
            media: Some(version.media).filter(|media| *media != Media::default()).map(MediaJson::from),
        }
    }
}

impl PictureJson {
    fn new(picture: Picture, links: Vec<SignedUrl>, on_demand: Vec<String>) -> Self {
        let (looks, variants) = (picture.looks, picture.variants);
        Self {
            state: picture.state.as_str(),
            reason: picture.reason.map(|(code, detail)| ReasonJson { code, detail }),
            width: looks.as_ref().map(|looks| looks.width),
            height: looks.as_ref().map(|looks| looks.height),
            frames: looks.as_ref().map(|looks| looks.frames),
            dominant: looks.as_ref().map(|looks| format!("#{}", looks.dominant)),
            thumbhash: looks.map(|looks| looks.thumbhash),
            variants: variants.into_iter().zip(links).map(VariantJson::from).collect(),
            on_demand,
        }
    }
}

impl From<Media> for MediaJson {
    fn from(Media { duration_ms, width, height }: Media) -> Self {
        Self { duration_ms, width, height }
    }
}

impl From<(Variant, SignedUrl)> for VariantJson {
    fn from((variant, link): (Variant, SignedUrl)) -> Self {
        Self {
            name: variant.name,
            content_type: variant.content_type,
            width: variant.width,
            height: variant.height,
            bytes: variant.bytes,
            url: link.url,
            expires_at: link.expires_at,
        }
    }
}

impl UploadJson {
    pub(crate) fn new(upload: Upload, ticket: Ticket, received: Option<Vec<Part>>) -> Self {
        let object =
            |pairs: Vec<(String, String)>| pairs.into_iter().map(|(name, value)| (name, value.into())).collect();
        Self {
            id: upload.id,
            object_id: upload.object_id,
            space: upload.space,
            method: upload.method.as_str(),
            instead_of: upload.instead_of.map(Method::as_str),
            state: upload.state.as_str(),
            expires_at: upload.expires_at,
            urls_expire_at: ticket.expires_at,
            url: ticket.url,
            headers: object(ticket.headers),
            fields: ticket.fields.map(object),
            part_bytes: ticket.part_bytes,
            part_count: ticket.part_count,
            parts: ticket.parts.map(|parts| parts.into_iter().map(PartUrlJson::from).collect()),
            received: received.map(|parts| parts.into_iter().map(PartJson::from).collect()),
            reason: upload.reason.map(|reason| ReasonJson { code: reason.code, detail: reason.detail }),
        }
    }
}

impl From<PartUrl> for PartUrlJson {
    fn from(part: PartUrl) -> Self {
        Self { number: part.number, url: part.url }
    }
}

impl From<Part> for PartJson {
    fn from(part: Part) -> Self {
        Self { number: part.number, bytes: part.bytes, etag: part.etag }
    }
}
