//! `cargo xtask bench presign`: builds the bench of signing with its contenders, outside this workspace, and runs it.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process::follow;
use crate::setup::{self, Tool};
use crate::workspace::Workspace;

/// Sets the contenders of other languages up, builds the others for release, and lets the bench print its figures.
pub(crate) fn presign(workspace: &Workspace, as_json: bool) -> Result<bool> {
    setup::install(workspace, &[Tool::Compiler, Tool::Python, Tool::JsPresigner])?;
    let manifest = workspace.path("benches/presign/Cargo.toml");
    let target = workspace.target.join("bench-presign");
    let built = follow(
        Command::new("cargo")
            .args(["build", "--release", "--locked", "--manifest-path"])
            .arg(manifest)
            .arg("--target-dir")
            .arg(&target)
            .current_dir(&workspace.root),
    )?;
    ensure!(built.success, "the bench of signing does not build");
    let mut bench = Command::new(target.join("release/presign-bench"));
    bench.arg("--python").arg(setup::python_program(workspace));
    if as_json {
        bench.arg("--json");
    }
    Ok(bench.status().context("the bench of signing could not be started")?.success())
}
