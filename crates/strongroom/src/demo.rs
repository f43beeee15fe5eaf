//! Forty pieces of cloth, drawn thread by thread, so that there is something to look at.

mod weave;

use anyhow::Context as _;

use crate::config::Secret;
use crate::db::milestones;
use crate::service::Service;

pub use weave::{Binding, Cloth};

/// How many pictures there are.
pub const PICTURES: usize = 40;

/// How wide and high each is, in pixels.
const SIDE: u32 = 720;

/// What the database remembers once all are handed in, so that a picture that was deleted stays deleted.
const MILESTONE: &str = "demo";

/// Hands all pictures in through the public API, once in the life of an installation.
pub async fn hand_in(service: Service, http: reqwest::Client, api: String, token: Secret) {
    match hand_in_all(&service, &http, &api, &token).await {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "the demonstration pictures are handed in"),
        Err(error) => tracing::warn!(error = format!("{error:#}"), "the demonstration pictures are not all there"),
    }
}

async fn hand_in_all(service: &Service, http: &reqwest::Client, api: &str, token: &Secret) -> anyhow::Result<usize> {
    if service.db.read(|tx| milestones::reached(tx, MILESTONE)).await? {
        return Ok(0);
    }
    for number in 0..PICTURES {
        let (name, cloth) = cloth(number);
        let picture = tokio::task::spawn_blocking(move || cloth.png(SIDE)).await??;
        let url = reqwest::Url::parse_with_params(
            &format!("{api}/v1/spaces/demo/objects"),
            [("name", format!("{name}.png")), ("tags", "demo,cloth".to_owned())],
        )?;
        let response = http
            .post(url)
            .bearer_auth(token.expose())
            .header("content-type", "image/png")
            // A start that was cut short is taken up where it ended.
            .header("idempotency-key", format!("demo-{number}"))
            .body(picture)
            .send()
            .await
            .context("the service does not answer itself")?;
        let status = response.status();
        anyhow::ensure!(status.is_success(), "{name}: {status} {}", response.text().await.unwrap_or_default());
    }
    let now = service.now();
    service.db.write(move |tx| milestones::reach(tx, MILESTONE, now)).await?;
    Ok(PICTURES)
}

/// Pairs of threads: the colours of the warp and of the weft, repeated across the cloth.
#[expect(clippy::unreadable_literal, reason = "colours are read as six digits")]
const PALETTES: [(&str, &[Run], &[Run]); 8] = [
    ("Harbour", &[(0x1b3a4b, 12), (0xe8e1d3, 4), (0x3f7d8c, 8)], &[(0x1b3a4b, 10), (0xd9a441, 2), (0x3f7d8c, 8)]),
    ("Madder", &[(0x8c2f39, 16), (0xf0d9c0, 8)], &[(0x8c2f39, 12), (0x461220, 4), (0xf0d9c0, 8)]),
    ("Meadow", &[(0x4f6f3a, 12), (0xc9d6a3, 6), (0xe6b89c, 2)], &[(0x4f6f3a, 8), (0xf6f1e0, 8)]),
    ("Slate", &[(0x2e3440, 8), (0x4c566a, 8), (0xa3aebf, 2)], &[(0x2e3440, 12), (0xa3aebf, 2), (0x4c566a, 4)]),
    ("Saffron", &[(0xe0a030, 10), (0x7a3e12, 4), (0xf7e7c1, 6)], &[(0xe0a030, 6), (0xb5541c, 6)]),
    ("Heather", &[(0x6d5a7e, 10), (0xb9a7c9, 6), (0x3b2f47, 2)], &[(0x6d5a7e, 8), (0xe9e2ee, 4), (0x7f8f5a, 4)]),
    ("Indigo", &[(0x23305c, 14), (0xf3efe6, 2)], &[(0xf3efe6, 8), (0x23305c, 8)]),
    ("Clay", &[(0xb5654a, 8), (0xe7cbb4, 8), (0x5b3a2e, 2)], &[(0xe7cbb4, 10), (0xb5654a, 4), (0x2f6f68, 2)]),
];

/// A colour, and how many threads of it lie side by side.
type Run = (u32, usize);

/// The cloth with this number, counted from 0, and what it is called.
pub fn cloth(number: usize) -> (String, Cloth) {
    let (palette, warp, weft) = PALETTES[number % PALETTES.len()];
    let bindings = weave::Binding::ALL;
    let binding = bindings[(number / PALETTES.len() + number % PALETTES.len()) % bindings.len()];
    let cloth = Cloth { binding, warp: threads(warp), weft: threads(weft) };
    (format!("{palette} {}", binding.name()), cloth)
}

fn threads(runs: &[Run]) -> Vec<[u8; 3]> {
    let thread = |colour: u32| {
        let [_, red, green, blue] = colour.to_be_bytes();
        [red, green, blue]
    };
    runs.iter().flat_map(|(colour, count)| std::iter::repeat_n(thread(*colour), *count)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{PICTURES, cloth};

    #[test]
    fn no_two_pictures_are_alike() {
        let pictures: HashSet<_> = (0..PICTURES).map(|number| cloth(number).1.png(216).unwrap()).collect();
        assert_eq!(pictures.len(), PICTURES);
        let names: HashSet<_> = (0..PICTURES).map(|number| cloth(number).0).collect();
        assert_eq!(names.len(), PICTURES);
    }
}
