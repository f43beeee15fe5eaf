//! Measures what a signature costs here and in other libraries; `cargo xtask bench presign` builds and runs it.

mod check;
mod clock;
mod contenders;
mod floor;
mod lane;
mod report;
mod rounds;
mod task;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// The service's own allocator, here for every Rust contender alike.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: presign-bench --python PROGRAM [--json]; PROGRAM is a Python that has boto3";

fn main() -> Result<()> {
    let (mut python, mut as_json) = (None, false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => as_json = true,
            "--python" => python = arguments.next().map(PathBuf::from),
            other => bail!("`{other}` is not understood\n{USAGE}"),
        }
    }
    let python = python.context(USAGE)?;
    let keys = task::keys();
    let mut lanes = contenders::all(&python, &keys)?;
    for lane in &mut lanes {
        check::lane(lane, &keys)?;
    }
    let times = rounds::run(&mut lanes, &keys)?;
    report::print(&lanes, &times, as_json)
}
