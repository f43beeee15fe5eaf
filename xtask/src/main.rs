//! The commands that develop Strongroom: `cargo xtask test`, `cargo xtask tidy`, `cargo xtask serve`, `cargo xtask bench`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "these are commands for a terminal: what they have to say is printed"
)]

mod bench;
mod fuzz;
mod process;
mod servers;
mod service;
mod setup;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use crate::workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask <verb>

  test [--only STEP,…] [--all]    sets up what is missing, runs every test, ends with a table
  test --list                     the steps
  tidy                            the rules of the house: layout, imports, words, documents
  serve seaweedfs|ceph|garage     a real S3 server to try things on, until Ctrl-C
  fuzz [--seconds N] [TARGET]     generated input for whatever strangers can reach, 60 seconds a target
  bench http [--json]             requests per second and memory of the service under load
  bench scale [--json]            links and uploads over 1, 2 and 4 nodes, and lists of up to a million objects
  bench store [--json]            the embedded store beside SeaweedFS
  bench presign [--json]          processor time of a signature, beside other libraries
  bench images [--json] [--photos FOLDER]
                                  processor time, memory and quality of pictures, beside sharp and Pillow
  bench photos [--json]           photographs handed in until all pictures are made, beside a queue of sharp

--json prints one JSON object as the last line, after the table.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = Workspace::find().and_then(|workspace| match words.as_slice() {
        ["test", options @ ..] => test::run(&workspace, options),
        ["tidy"] => tidy::run(&workspace),
        ["fuzz", options @ ..] => fuzz::run(&workspace, options),
        ["serve", name] => servers::serve(&workspace, name),
        ["bench", "http"] => bench::http(&workspace, false),
        ["bench", "http", "--json"] => bench::http(&workspace, true),
        ["bench", "scale"] => bench::scale(&workspace, false),
        ["bench", "scale", "--json"] => bench::scale(&workspace, true),
        ["bench", "store"] => bench::store(&workspace, false),
        ["bench", "store", "--json"] => bench::store(&workspace, true),
        ["bench", "presign"] => bench::presign(&workspace, false),
        ["bench", "presign", "--json"] => bench::presign(&workspace, true),
        ["bench", "photos"] => bench::photos(&workspace, false),
        ["bench", "photos", "--json"] => bench::photos(&workspace, true),
        ["bench", "images", options @ ..] => bench::images(&workspace, options),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(true)
        }
        _ => anyhow::bail!("there is no such command\n\n{USAGE}"),
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}
