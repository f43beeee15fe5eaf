//! How often one principal may ask, and how much is worked on at once.

use std::num::NonZeroU32;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use tokio::sync::Semaphore;

use super::App;
use super::error::Problem;
use crate::config::Server;

/// The bounds that are shared by all requests.
#[derive(Debug)]
pub(crate) struct Limits {
    per_principal: Option<DefaultKeyedRateLimiter<String>>,
    places: Semaphore,
}

impl Limits {
    pub(crate) fn new(server: &Server) -> Self {
        let rate = server.rate_limit;
        let quota = NonZeroU32::new(rate.per_second).zip(NonZeroU32::new(rate.burst));
        let quota = quota.map(|(per_second, burst)| Quota::per_second(per_second).allow_burst(burst));
        Self {
            per_principal: quota.map(DefaultKeyedRateLimiter::keyed),
            places: Semaphore::new(server.max_concurrent_requests as usize),
        }
    }

    /// Counts one request of this principal, or says when to come back.
    pub(crate) fn take(&self, who: &str) -> Result<(), Problem> {
        let Some(limiter) = &self.per_principal else { return Ok(()) };
        limiter.check_key(&who.to_owned()).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            let seconds = u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX);
            Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "rate-limited",
                format!(
                    "You ask more often than is allowed here. Come back in {seconds} s, and ask for many links at once."
                ),
            )
            .retry_after(seconds)
        })
    }

    /// Forgets principals that have not asked for a while.
    pub(crate) fn forget_idle(&self) {
        if let Some(limiter) = &self.per_principal {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

/// Turns requests away when too many are worked on, instead of letting them pile up.
pub(crate) async fn bound_number(State(app): State<App>, request: Request, next: Next) -> Response {
    match app.limits.places.try_acquire() {
        Ok(_place) => next.run(request).await,
        Err(_) => overloaded(),
    }
}

/// Does the same, and ends requests that take too long before their answer begins.
pub(crate) async fn bound_number_and_time(State(app): State<App>, request: Request, next: Next) -> Response {
    let Ok(_place) = app.limits.places.try_acquire() else { return overloaded() };
    let limit = app.service.config.server.request_timeout;
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "timeout",
            format!(
                "The request took longer than {} s. Whatever it began is finished or undone by itself.",
                limit.as_secs()
            ),
        )
        .into_response(),
    }
}

fn overloaded() -> Response {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "overloaded",
        "The service has as much to do as it takes on. Repeat the request soon.",
    )
    .retry_after(1)
    .into_response()
}
