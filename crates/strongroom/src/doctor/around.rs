//! What is around the storage: doubtful settings, the disk, the issuer's keys.

use super::{Check, Instruments};
use crate::config::{JwtKeys, size};
use crate::fetch::fetch_over_http;

/// With less than this, the database soon cannot write.
const LITTLE: u64 = 1 << 30;
const TOO_LITTLE: u64 = 64 << 20;

pub(super) async fn look(tools: Instruments<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    for warning in &tools.config.warnings {
        checks.push(Check::doubtful("configuration", warning.to_string(), "change it, or know that you meant it"));
    }
    if checks.is_empty() {
        checks.push(Check::good("configuration", "can be used, and nothing in it is doubtful"));
    }
    checks.extend(disk(tools));
    checks.extend(issuer(tools).await);
    checks
}

fn disk(tools: Instruments<'_>) -> Option<Check> {
    const MEND: &str = "make room on the disk of the data folder, or set data to a folder on another one";
    // Before the first start there is no such folder yet, but the one that it will be made in.
    let data = tools.config.data.ancestors().find(|folder| folder.is_dir()).unwrap_or(std::path::Path::new("."));
    let disk = rustix::fs::statvfs(data).ok()?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let found = format!("{} free below {}", size::show(free), tools.config.data.display());
    Some(match free {
        0..TOO_LITTLE => Check::bad("disk", found, MEND),
        TOO_LITTLE..LITTLE => Check::doubtful("disk", found, MEND),
        _ => Check::good("disk", found),
    })
}

async fn issuer(tools: Instruments<'_>) -> Option<Check> {
    const MEND: &str = "see that auth.jwt.jwks_url is what the issuer's own documentation says, and can be reached from \
                        this machine";
    let JwtKeys::Published { url, .. } = &tools.config.auth.jwt.keys else { return None };
    let what = "keys for tokens";
    Some(match fetch_over_http(tools.http.clone()).get(url.as_str()).await {
        Err(error) => Check::bad(what, format!("{url} does not answer: {error}"), MEND),
        Ok(body) => match serde_json::from_slice::<serde_json::Value>(&body) {
            Ok(set) if set["keys"].as_array().is_some_and(|keys| !keys.is_empty()) => {
                Check::good(what, format!("{url} publishes them"))
            }
            _ => Check::bad(what, format!("{url} answers, but not with a set of keys"), MEND),
        },
    })
}
