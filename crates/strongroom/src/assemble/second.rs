//! The mirror of a service: set up from its section of the configuration, and looked after for as long as it runs.

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::{Uses, elsewhere};
use crate::ambient::{Clock, Random};
use crate::config::{self, Config};
use crate::mirror::{self, Mirror};
use crate::service::Service;
use crate::storage::Counts;

/// The mirror, if there is one, and what is counted on the way to it.
pub(super) async fn second(
    config: &Config,
    http: &reqwest::Client,
    clock: &Clock,
    random: &Random,
) -> anyhow::Result<Option<(Mirror, Counts)>> {
    let Some(config) = config.of_mirror() else { return Ok(None) };
    let config::Place::External(external) = &config.storage.place else { return Ok(None) };
    let reached = elsewhere(&config, external, Uses::Service, http, clock, random);
    let reached = reached.await.context("the mirror cannot be used")?;
    let place = mirror::place(&config.storage, &config.spaces);
    Ok(Some((Mirror::new(reached.storage, reached.place.endpoint, place), reached.counts)))
}

/// Looks after the mirror, if there is one, until the service stops.
pub(super) fn keep(service: &Service, stop: &CancellationToken) {
    if service.mirror.is_none() {
        return;
    }
    let (listening, silence) = (service.clone(), stop.clone());
    tokio::spawn(async move {
        if let Some(mirror) = &listening.mirror {
            mirror::listen(&listening, mirror, &silence).await;
        }
    });
    let (service, stop) = (service.clone(), stop.clone());
    tokio::spawn(async move {
        if let Some(mirror) = &service.mirror {
            mirror::keep(&service, mirror, &stop).await;
        }
    });
}
