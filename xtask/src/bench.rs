//! `cargo xtask bench`: measurements that print a readable table and, for machines, one JSON object.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::process::follow;
use crate::service::Service;
use crate::workspace::Workspace;

mod client;
mod clock;
mod http;
mod images;
mod memory;
mod photos;
mod presign;
mod scale;
mod store;

pub(crate) use self::http::http;
pub(crate) use self::images::images;
pub(crate) use self::photos::photos;
pub(crate) use self::presign::presign;
pub(crate) use self::scale::scale;
pub(crate) use self::store::store;

/// Builds the service for release; where it lies.
fn release(workspace: &Workspace) -> Result<PathBuf> {
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "--locked", "--package", "strongroom"]).current_dir(&workspace.root);
    ensure!(follow(&mut build)?.success, "the service does not build");
    Ok(workspace.strongroom("release"))
}

/// A request of the administrator, as it goes over the wire. What is posted has a content type.
fn request(service: &Service, method: &str, path: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nhost: strongroom\r\nauthorization: Bearer {}\r\n", service.token())
            .into_bytes();
    if method == "POST" {
        request.extend(format!("content-type: {content_type}\r\ncontent-length: {}\r\n", body.len()).bytes());
    }
    request.extend(b"\r\n");
    request.extend(body);
    request
}

/// The value in the middle.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// A figure with three digits behind the point.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
