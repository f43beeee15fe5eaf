//! `cargo xtask bench photos`: photographs handed in until all pictures of them are made, by the whole service and by a
//! queue of sharp in Node.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::{images, median, release, rounded};
use crate::process::{Running, quietly};
use crate::service::Service;
use crate::setup::{self, Tool};
use crate::workspace::Workspace;

/// In each round; 500 in all.
const PHOTOGRAPHS: usize = 100;
const ROUNDS: usize = 5;

/// The same three pictures that sharp makes.
const CONFIGURATION: &str = r#"
[server]
rate_limit = { per_second = 1000000, burst = 1000000 }

[spaces.photos]
accept = ["image/jpeg"]

[[spaces.photos.variants]]
name = "display"
width = 1200
height = 1200
format = "jpeg"
quality = 85

[[spaces.photos.variants]]
name = "display-webp"
width = 1200
height = 1200
format = "webp"
quality = 80

[[spaces.photos.variants]]
name = "thumb"
fit = "cover"
width = 320
height = 320
format = "webp"
quality = 80
"#;

/// What one contender took in one round.
#[derive(Debug, Clone, Copy)]
struct Took {
    seconds: f64,
    /// Of the contender alone, not of who hands in.
    processor_seconds: f64,
}

/// Builds for release, lets all work in turn, and prints what came out.
pub(crate) fn photos(workspace: &Workspace, as_json: bool) -> Result<bool> {
    let binary = release(workspace)?;
    setup::install(workspace, &[Tool::Pictures])?;
    let mut photographs = images::pictures(workspace, &workspace.target.join("bench-images"), None)?;
    photographs.retain(|file| file.extension().is_some_and(|extension| extension == "jpg"));
    // Four inks are no photograph that somebody hands in.
    photographs.retain(|file| !file.to_string_lossy().contains("inks"));
    let contenders = ["strongroom", "sharp, cloned", "sharp, raw"];
    let mut rounds: Vec<[Took; 3]> = Vec::new();
    for round in 1..=ROUNDS {
        println!("round {round} of {ROUNDS}: {PHOTOGRAPHS} photographs for each");
        rounds.push([
            service(workspace, &binary, &photographs)?,
            queue(workspace, "clone", &photographs)?,
            queue(workspace, "raw", &photographs)?,
        ]);
    }
    let of = |number: usize, value: fn(Took) -> f64| median(rounds.iter().map(|round| value(round[number])));
    let beside =
        |other: usize, value: fn(Took) -> f64| median(rounds.iter().map(|round| value(round[0]) / value(round[other])));
    let rate: fn(Took) -> f64 = |took| PHOTOGRAPHS as f64 / took.seconds;
    let rate_of_core: fn(Took) -> f64 = |took| PHOTOGRAPHS as f64 / took.processor_seconds;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "\n{PHOTOGRAPHS} photographs until all is made, {processors} processors, {ROUNDS} rounds in turn, medians"
    );
    println!("{:<16}{:>12}{:>24}", "", "per second", "per second and core");
    for (number, name) in contenders.iter().enumerate() {
        println!("{name:<16}{:>12.2}{:>24.2}", of(number, rate), of(number, rate_of_core));
    }
    let figures: Map<String, Value> = [
        ("photos_per_second", of(0, rate)),
        ("photos_per_core_second", of(0, rate_of_core)),
        ("photos_vs_sharp_clone", beside(1, rate)),
        ("photos_vs_sharp_raw", beside(2, rate)),
        ("photos_per_core_vs_sharp_clone", beside(1, rate_of_core)),
        ("photos_per_core_vs_sharp_raw", beside(2, rate_of_core)),
    ]
    .map(|(name, value)| (name.to_owned(), json!(rounded(value))))
    .into_iter()
    .collect();
    for (name, value) in figures.iter().filter(|(name, _)| name.contains("_vs_")) {
        println!("{name}: {value}");
    }
    if as_json {
        println!("{}", Value::Object(figures));
    }
    Ok(true)
}

/// The service, with everything that it does besides: presigned uploads, verification, database, durable storage.
fn service(workspace: &Workspace, binary: &Path, photographs: &[PathBuf]) -> Result<Took> {
    let service = Service::start(binary, CONFIGURATION, &[])?;
    let before = processor_seconds(service.process())?;
    let api = service.api().trim_end_matches('/');
    let seconds = hand_in(workspace, &["strongroom", api, service.token()], photographs)?;
    Ok(Took { seconds, processor_seconds: processor_seconds(service.process())? - before })
}

/// A server in Node that writes files to a folder, and pictures of them from a queue.
fn queue(workspace: &Workspace, kind: &str, photographs: &[PathBuf]) -> Result<Took> {
    let folder = tempfile::Builder::new().prefix("queue-").tempdir_in(workspace.target.join("bench-images"))?;
    let mut command = Command::new("node");
    command.arg(workspace.path("benches/images/sharp/queue.mjs")).arg(folder.path()).arg(kind);
    let mut running = Running(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
    let mut line = String::new();
    let output = running.0.stdout.take().context("the output was asked for as a pipe")?;
    BufReader::new(output).read_line(&mut line)?;
    let ready: Value = serde_json::from_str(&line).with_context(|| format!("the queue said {line:?}"))?;
    let api = ready["api"].as_str().context("the queue tells where it listens")?;
    let before = processor_seconds(running.0.id())?;
    let seconds = hand_in(workspace, &["queue", api, ""], photographs)?;
    Ok(Took { seconds, processor_seconds: processor_seconds(running.0.id())? - before })
}

fn hand_in(workspace: &Workspace, words: &[&str], photographs: &[PathBuf]) -> Result<f64> {
    let mut command = Command::new("node");
    command.arg(workspace.path("benches/images/sharp/photographer.mjs")).arg(PHOTOGRAPHS.to_string());
    let answer: Value = serde_json::from_str(&quietly(command.args(words).args(photographs))?)?;
    answer["seconds"].as_f64().context("who hands in tells how long it took")
}

/// What a process has taken of the processors so far, all of its threads together.
fn processor_seconds(process: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // Behind the name, which may hold anything, the twelfth and thirteenth word.
    let (_, words) = stat.rsplit_once(')').context("the kernel tells a process's name in brackets")?;
    let ticks = words.split_whitespace().skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks / rustix::param::clock_ticks_per_second() as f64)
}
