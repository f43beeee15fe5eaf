//! `POST /v1/links`: many links at once, however their objects are named.

use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::App;
use super::answer::Json;
use super::error::{Problem, ProblemDocument, sentence};
use super::extract::{Caller, Unread};
use crate::links::{self, Item, Purpose};
use crate::spaces::{self, Denied};
use crate::transforms;

/// How many items one request may name.
const MOST_ITEMS: usize = 1000;

/// The longest name of an item: the longest key, every byte of it percent-encoded, in a signed URL.
const ITEM_BYTES: usize = 8 * 1024;

/// What links are wanted for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WantedLinks {
    /// Ids, keys, `s3://` URIs or permanent S3 URLs in any of their forms; from 1 to 1000.
    items: Vec<String>,
    /// Whether the links shall save the content as a file.
    #[serde(default)]
    download: bool,
    /// The variant that links are wanted to, in place of what was handed in.
    variant: Option<String>,
    /// How a picture is to be made that links are wanted to, such as `rs:fill:300:200/q:80`. The links lead to
    /// `GET /i/{signature}/{options}/{id}`, which makes it.
    transform: Option<String>,
}

/// An answer to each item, in the order of the request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Links {
    /// Each succeeds or fails by itself.
    items: Vec<LinkItem>,
}

/// One item and its link, or why there is none.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum LinkItem {
    /// There it is.
    Link {
        /// The item as it was asked for.
        item: String,
        /// The object.
        id: Uuid,
        /// Its link.
        url: String,
        /// From then on the link is refused.
        #[schema(value_type = String, format = DateTime)]
        expires_at: Timestamp,
    },
    /// There is none.
    Error {
        /// The item as it was asked for.
        item: String,
        /// Why.
        error: ItemError,
    },
}

/// Why one item has no link.
#[derive(Debug, Serialize, ToSchema)]
struct ItemError {
    /// `not-found` or `bad-request`; of a variant also `processing`, `overloaded`, `picture-refused` or
    /// `no-such-variant`.
    code: &'static str,
    /// The same in words.
    detail: String,
}

/// Get many links at once
#[utoipa::path(
    post,
    path = "/v1/links",
    operation_id = "make_links",
    tag = "Looking",
    request_body = WantedLinks,
    responses(
        (status = 200, body = Links),
        (status = "4XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn links(State(app): State<App>, Caller(asker): Caller, body: Unread) -> Result<Json<Links>, Problem> {
    if !asker.principal.is_signed_in() && !spaces::is_anything_public(&app.service) {
        return Err(Denied::SignIn.into());
    }
    let body: WantedLinks = body.json().await?;
    if body.items.is_empty() {
        return Err(Problem::invalid("items", "is empty; name at least one object"));
    }
    if body.items.len() > MOST_ITEMS {
        let detail = format!("has {} entries; ask for at most {MOST_ITEMS} at once", body.items.len());
        return Err(Problem::too_many_items("items", detail));
    }
    if body.items.iter().any(|item| item.len() > ITEM_BYTES) {
        return Err(Problem::invalid("items", "has an entry of more than 8 KiB, which names nothing"));
    }
    if body.download && body.variant.is_some() {
        return Err(Problem::invalid("variant", "cannot be downloaded under a name; leave out one of the two"));
    }
    if let Some(options) = &body.transform {
        if body.download || body.variant.is_some() {
            return Err(Problem::invalid("transform", "stands alone; leave out `variant` and `download`"));
        }
        if options.split('/').any(|option| option.starts_with("exp")) {
            return Err(Problem::invalid("transform", "gets an end by itself; leave out `exp`"));
        }
        let found = transforms::for_references(&app.service, &asker, &body.items, options).await?;
        return Ok(Json(Links { items: body.items.into_iter().zip(found).map(LinkItem::from).collect() }));
    }
    let purpose = if body.download { Purpose::Download } else { Purpose::Show };
    let found = links::for_references(&app.service, &asker, &body.items, body.variant.as_deref(), purpose).await?;
    Ok(Json(Links { items: body.items.into_iter().zip(found).map(LinkItem::from).collect() }))
}

impl From<(String, Item)> for LinkItem {
    fn from((item, found): (String, Item)) -> Self {
        let (code, detail) = match found {
            Item::Link { id, link } => return Self::Link { item, id, url: link.url, expires_at: link.expires_at },
            Item::NotFound => ("not-found", "There is nothing here under this name, or not for you.".to_owned()),
            Item::Unmade(unmade) => (unmade.code(), sentence(&unmade.to_string())),
            Item::Malformed(reason) => ("bad-request", sentence(&reason)),
        };
        Self::Error { item, error: ItemError { code, detail } }
    }
}
