//! Leases: whoever works on something holds it for a while, and for longer as long as the work lasts.

use std::time::Duration;

use jiff::Timestamp;

/// So much later; the end of time when that is later than a time can say.
pub fn after(now: Timestamp, time: Duration) -> Timestamp {
    now.checked_add(time).unwrap_or(Timestamp::MAX)
}

/// Runs `work`, and has `renew` lengthen its lease each time that so much has passed. Ends the work, and answers
/// nothing, when `renew` says that the lease is lost.
pub async fn under<T, E, R>(
    renew_every: Duration,
    renew: impl Fn() -> R,
    work: impl Future<Output = Result<T, E>>,
) -> Result<Option<T>, E>
where
    R: Future<Output = Result<bool, E>>,
{
    let mut work = std::pin::pin!(work);
    loop {
        if let Ok(result) = tokio::time::timeout(renew_every, &mut work).await {
            return result.map(Some);
        }
        if !renew().await? {
            return Ok(None);
        }
    }
}
