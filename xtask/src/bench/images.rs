//! `cargo xtask bench images`: three pictures made of one, beside sharp and Pillow, one thread each, in turn.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

use super::median;
use crate::process::{Running, follow, quietly};
use crate::setup::{self, Tool};
use crate::workspace::Workspace;

const ROUNDS: usize = 7;
const OURS: usize = 0;
const CLONE: usize = 1;
const RAW: usize = 2;

/// What was measured of one contender with one picture.
#[derive(Debug, Default, Clone)]
struct Measured {
    cpu: Vec<f64>,
    bytes: f64,
    /// The highest resident memory of a process that does this once, in MiB.
    memory: f64,
    ssim: Vec<f64>,
}

/// A program that reads `FILE tab FOLDER` and answers with what it took.
struct Contender {
    process: Running,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Contender {
    fn start(mut command: Command) -> Result<Self> {
        // One thread: what libuv would share work among is all that remains.
        command.env("UV_THREADPOOL_SIZE", "1").env("OMP_NUM_THREADS", "1");
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = process.stdin.take().context("the input was asked for as a pipe")?;
        let output = BufReader::new(process.stdout.take().context("the output was asked for as a pipe")?);
        Ok(Self { process: Running(process), input, output })
    }

    fn ask(&mut self, file: &Path, folder: &Path) -> Result<Value> {
        writeln!(self.input, "{}\t{}", file.display(), folder.display())?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        serde_json::from_str(&line).with_context(|| format!("a contender answered {line:?} to {}", file.display()))
    }

    fn peak(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.0.id()))?;
        let kilobytes: f64 = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse().ok())
            .context("the kernel does not tell the highest memory")?;
        Ok(kilobytes / 1024.0)
    }
}

/// Sets everything up, makes the pictures, lets the contenders work in turn and prints what came out.
pub(crate) fn images(workspace: &Workspace, options: &[&str]) -> Result<bool> {
    let mut as_json = false;
    let mut photos: Option<&str> = None;
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        match *option {
            "--json" => as_json = true,
            "--photos" => photos = rest.next().copied(),
            other => bail!("`cargo xtask bench images` does not know {other}"),
        }
    }
    let ours = built(workspace)?;
    setup::install(workspace, &[Tool::Pictures])?;
    let folder = workspace.target.join("bench-images");
    let pictures = pictures(workspace, &folder, photos)?;
    let contenders: Vec<(&str, Vec<PathBuf>)> = vec![
        ("strongroom", vec![ours]),
        ("sharp clone", vec!["node".into(), workspace.path("benches/images/sharp/contender.mjs"), "clone".into()]),
        ("sharp raw", vec!["node".into(), workspace.path("benches/images/sharp/contender.mjs"), "raw".into()]),
        ("Pillow", vec![setup::pictures_python(workspace), workspace.path("benches/images/contender.py")]),
    ];
    let mut judge =
        Contender::start(command(&[setup::pictures_python(workspace), workspace.path("benches/images/ssim.py")]))?;
    let mut all: Vec<(String, Vec<Measured>)> = Vec::new();
    for picture in &pictures {
        let name = picture.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let mut measured = vec![Measured::default(); contenders.len()];
        let mut running = Vec::new();
        for (at, (_, words)) in contenders.iter().enumerate() {
            let mut contender = Contender::start(command(words))?;
            let results = folder.join(format!("results-{at}"));
            std::fs::create_dir_all(&results)?;
            let answer = contender.ask(picture, &results)?;
            measured[at].bytes = answer["bytes"].as_f64().context("an answer tells bytes")?;
            measured[at].memory = contender.peak()?;
            let judged = judge.ask(picture, &results)?;
            let ssim = judged["ssim"].as_array().context("the judge answers with a list")?;
            measured[at].ssim = ssim.iter().filter_map(Value::as_f64).collect();
            running.push(contender);
        }
        for _ in 0..ROUNDS {
            for (contender, measured) in running.iter_mut().zip(&mut measured) {
                let answer = contender.ask(picture, Path::new(""))?;
                measured.cpu.push(answer["cpu_ms"].as_f64().context("an answer tells its time")?);
            }
        }
        print_picture(&name, &contenders, &measured);
        all.push((name, measured));
    }
    let keys = keys(&all);
    for (key, value) in &keys {
        println!("{key}: {value:.4}");
    }
    if as_json {
        let mut object: Map<String, Value> =
            keys.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        object.insert("pictures".into(), details(&all, &contenders));
        println!("{}", Value::Object(object));
    }
    Ok(true)
}

fn command(words: &[PathBuf]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

/// Builds our contender for release; where it lies.
fn built(workspace: &Workspace) -> Result<PathBuf> {
    setup::install(workspace, &[Tool::Compiler])?;
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "--locked", "--package", "strongroom-imaging", "--example", "contender"]);
    ensure!(follow(build.current_dir(&workspace.root))?.success, "the crate of pictures does not build");
    Ok(workspace.target.join("release/examples/contender"))
}

/// The seven pictures, made anew of the photographs in the folder or of those that come with a Python package.
pub(super) fn pictures(workspace: &Workspace, folder: &Path, photos: Option<&str>) -> Result<Vec<PathBuf>> {
    let target = folder.join("pictures");
    if target.exists() {
        std::fs::remove_dir_all(&target)?;
    }
    std::fs::create_dir_all(&target)?;
    let mut make = Command::new(setup::pictures_python(workspace));
    make.arg(workspace.path("benches/images/pictures.py")).arg(&target);
    make.arg(setup::profile("default_cmyk.icc")).arg(setup::profile("a98.icc"));
    if let Some(photos) = photos {
        let mut files: Vec<PathBuf> = std::fs::read_dir(photos)
            .with_context(|| format!("there is no folder {photos}"))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        files.retain(|path| path.extension().is_some_and(|extension| extension == "jpg" || extension == "jpeg"));
        ensure!(!files.is_empty(), "there is no JPEG in {photos}");
        files.sort();
        make.args(files);
    }
    quietly(&mut make)?;
    let mut files: Vec<PathBuf> = std::fs::read_dir(&target)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort();
    Ok(files)
}

fn print_picture(name: &str, contenders: &[(&str, Vec<PathBuf>)], measured: &[Measured]) {
    println!("\n{name}");
    println!("  {:12} {:>8} {:>8} {:>10}   {:>22}", "", "CPU ms", "MiB", "bytes", "SSIM of the three");
    for ((name, _), measured) in contenders.iter().zip(measured) {
        let ssim: Vec<String> = measured.ssim.iter().map(|value| format!("{value:.4}")).collect();
        println!(
            "  {name:12} {:>8.0} {:>8.0} {:>10.0}   {:>22}",
            median(measured.cpu.iter().copied()),
            measured.memory,
            measured.bytes,
            ssim.join("  ")
        );
    }
}

/// The median over the rounds of how much time we took beside another in the same round.
fn beside(measured: &[Measured], other: usize) -> f64 {
    median(measured[OURS].cpu.iter().zip(&measured[other].cpu).map(|(ours, other)| ours / other))
}

fn keys(all: &[(String, Vec<Measured>)]) -> Vec<(&'static str, f64)> {
    let worst = |value: &dyn Fn(&[Measured]) -> f64| {
        all.iter().map(|(_, measured)| value(measured)).fold(f64::NEG_INFINITY, f64::max)
    };
    let loss = |measured: &[Measured]| {
        let pairs = measured[OURS].ssim.iter().zip(&measured[CLONE].ssim);
        pairs.map(|(ours, sharp)| sharp - ours).fold(f64::NEG_INFINITY, f64::max)
    };
    vec![
        ("worst_vs_sharp_clone", worst(&|measured| beside(measured, CLONE))),
        ("median_vs_sharp_raw", median(all.iter().map(|(_, measured)| beside(measured, RAW)))),
        ("worst_ssim_loss", worst(&loss)),
        ("worst_memory_vs_sharp", worst(&|measured| measured[OURS].memory / measured[CLONE].memory)),
    ]
}

fn details(all: &[(String, Vec<Measured>)], contenders: &[(&str, Vec<PathBuf>)]) -> Value {
    let of = |measured: &Measured| {
        json!({
            "cpu_ms": median(measured.cpu.iter().copied()),
            "peak_mib": measured.memory,
            "bytes": measured.bytes,
            "ssim": measured.ssim,
        })
    };
    let pictures = all.iter().map(|(name, measured)| {
        let row =
            contenders.iter().zip(measured).map(|((contender, _), measured)| ((*contender).to_owned(), of(measured)));
        (name.clone(), Value::Object(row.collect()))
    });
    Value::Object(pictures.collect())
}
