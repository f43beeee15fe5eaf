//! What is of the embedded store alone: its keys, its care, its folder, and how it stands up to hostile clients.
//!
//! Where the suite runs on another store, these tests are left out by the name of this module.

mod boto3;
mod care;
mod hostile;
mod rights;

use std::path::{Path, PathBuf};

use crate::app::App;
use crate::bucket::sdk;

/// After a kill and a sweep the store's folder holds no bytes that no key leads to.
pub(crate) async fn keeps_nothing_but_the_objects(app: &mut App) {
    let contents = contents(app).await;
    app.kill();
    app.command_json(&["gc", "--json"]);
    assert_eq!(files_below(&app.data().join("store/content")), contents);
    assert_eq!(files_below(&app.data().join("store/incoming")), 0);
}

/// How many contents the objects of the bucket are made of: one each, or as many as the entity tag of one that was
/// handed in in parts says (`…-2`).
async fn contents(app: &App) -> usize {
    let janitor = sdk(app, "janitor");
    let mut count = 0;
    let mut pages = janitor.list_objects_v2().bucket(app.bucket()).into_paginator().send();
    while let Some(page) = pages.next().await {
        for object in page.unwrap().contents() {
            let parts =
                object.e_tag().unwrap().trim_matches('"').split_once('-').map(|(_, parts)| parts.parse::<usize>());
            count += parts.map_or(1, Result::unwrap);
        }
    }
    count
}

fn files_below(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("the store has this folder");
    let count = |path: PathBuf| if path.is_dir() { files_below(&path) } else { 1 };
    entries.map(|entry| count(entry.expect("it can be read").path())).sum()
}
