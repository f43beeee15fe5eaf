//! The OpenAPI document, made from the handlers, and what it says of itself.

use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, SecurityRequirement};

/// The groups of routes, in the order in which somebody new wants to read them.
const TAGS: [(&str, &str); 4] = [
    ("Handing in", "Files come in through the service, or directly to storage."),
    ("Looking", "Objects, and links to them that live for minutes."),
    ("Changing", "What is said of objects; deleting and restoring."),
    ("Running", "How the service is, what it holds and what happened."),
];

/// Routes whose paths a router writes in another way than OpenAPI does.
#[derive(utoipa::OpenApi)]
#[openapi(paths(super::transforms::follow))]
struct Others;

/// The frame that the routes are put into.
pub(crate) fn frame() -> OpenApi {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An API key (`sr_…`), or a JWT of your application (HS256, RS256, ES256 or EdDSA)."));
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Strongroom")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(
                    "Private media for applications: users hand files in, the bucket stays private, links live for \
                     minutes. Errors are problem documents (RFC 9457) with a stable `code`; lists are paged by cursor.",
                ))
                .build(),
        )
        .components(Some(
            ComponentsBuilder::new().security_scheme("bearer", SecurityScheme::Http(bearer.build())).build(),
        ))
        .tags(Some(TAGS.map(|(name, words)| TagBuilder::new().name(name).description(Some(words)).build())))
        .security(Some([SecurityRequirement::new("bearer", Vec::<String>::new())]))
        .build()
        .merge_from(<Others as utoipa::OpenApi>::openapi())
}

/// `/openapi.json`
pub(crate) fn answer(document: &str) -> Response {
    ([(axum::http::header::CONTENT_TYPE, "application/json")], document.to_owned()).into_response()
}
