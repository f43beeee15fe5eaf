//! `cargo xtask fuzz`: builds the fuzz targets with the fuzzer's instruments, and gives each its time.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::process::{Outcome, Tests, follow, quietly};
use crate::workspace::Workspace;

/// What cargo-fuzz sets, too; none of it needs a nightly compiler. There is no address sanitizer, because there is no
/// unsafe code: what is looked for are panics, wrong answers, hangs and too much memory.
const INSTRUMENTS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Ccodegen-units=1 --cfg fuzzing";

const LONGEST_INPUT: &str = "-max_len=4096";
const HANG: &str = "-timeout=20";
const MEMORY: &str = "-rss_limit_mb=1024";

/// Where the store of a target writes: nothing of it is kept, and the disk would be the slowest part.
const MEMORY_FOLDER: &str = "/dev/shm";

/// As much of a log as holds a panic with its place, and the input.
const TAIL: usize = 4_000;

/// How long each target runs unless told otherwise, in seconds.
const DEFAULT_SECONDS: u32 = 60;

/// `cargo xtask fuzz [--seconds N] [TARGET]`; true when no target failed.
pub(crate) fn run(workspace: &Workspace, options: &[&str]) -> Result<bool> {
    let (seconds, chosen) = match options {
        ["--seconds", seconds, chosen @ ..] => {
            (seconds.parse().with_context(|| format!("{seconds} is not a number of seconds"))?, chosen)
        }
        chosen => (DEFAULT_SECONDS, chosen),
    };
    let all = targets(workspace)?;
    let chosen = match chosen {
        [] => all,
        [name] if all.iter().any(|target| target == name) => vec![(*name).to_owned()],
        _ => bail!("there is no target {}; there are {}", chosen.join(" "), all.join(", ")),
    };
    Ok(targets_for(workspace, &chosen, seconds)?.failed == 0)
}

/// Runs every target for so many seconds.
pub(crate) fn all(workspace: &Workspace, seconds: u32) -> Result<Tests> {
    targets_for(workspace, &targets(workspace)?, seconds)
}

/// A target is a program of the fuzz package.
fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(workspace.path("fuzz/src/bin"))? {
        names.extend(entry?.path().file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn targets_for(workspace: &Workspace, names: &[String], seconds: u32) -> Result<Tests> {
    let programs = build(workspace)?;
    let mut tests = Tests::default();
    for name in names {
        if target(workspace, &programs, name, seconds)? {
            tests.passed += 1;
        } else {
            tests.failed += 1;
        }
    }
    Ok(tests)
}

/// What clippy has to say of the targets.
pub(crate) fn lint(workspace: &Workspace) -> Result<Outcome> {
    compile(workspace, "clippy", &host()?)
}

/// Compiles all targets; the folder of the programs.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    let host = host()?;
    ensure!(compile(workspace, "build", &host)?.success, "the fuzz targets do not build");
    Ok(folder(workspace).join(host).join("debug"))
}

fn host() -> Result<String> {
    let version = quietly(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc does not tell its host")?;
    Ok(host.to_owned())
}

fn compile(workspace: &Workspace, verb: &str, host: &str) -> Result<Outcome> {
    // With a target of its own, so that build scripts and macros are compiled without the instruments.
    follow(
        Command::new("cargo")
            .args([verb, "--locked", "--manifest-path", "fuzz/Cargo.toml", "--target", host, "--target-dir"])
            .arg(folder(workspace))
            .env("RUSTFLAGS", INSTRUMENTS)
            .current_dir(&workspace.root),
    )
}

/// Runs one target; true when it found nothing.
fn target(workspace: &Workspace, programs: &Path, name: &str, seconds: u32) -> Result<bool> {
    let folder = folder(workspace);
    // What was found worth keeping in earlier runs, and the inputs that seed every run.
    let (corpus, seeds) = (folder.join("corpus").join(name), workspace.path("fuzz/corpus").join(name));
    let finds = folder.join("finds").join(name);
    for folder in [&corpus, &finds] {
        std::fs::create_dir_all(folder)?;
    }
    let log = folder.join(format!("{name}.log"));
    let output = File::create(&log)?;
    let mut command = Command::new(programs.join(name));
    command
        .args([&corpus, &seeds])
        .args([LONGEST_INPUT, HANG, MEMORY, &format!("-max_total_time={seconds}")])
        .arg(format!("-artifact_prefix={}/", finds.display()))
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output);
    if Path::new(MEMORY_FOLDER).is_dir() {
        command.env("TMPDIR", MEMORY_FOLDER);
    }
    let status = command.status().with_context(|| format!("the target {name} could not be started"))?;
    let said = std::fs::read(&log)?;
    if status.success() {
        println!(
            "{name:<14} {}",
            done(&String::from_utf8_lossy(&said)).context("the fuzzer does not say what it did")?
        );
        return Ok(true);
    }
    println!("{}", String::from_utf8_lossy(&said[said.len().saturating_sub(TAIL)..]));
    println!("{name} FAILED; {} repeats it with the file named above", programs.join(name).display());
    Ok(false)
}

/// `12345 runs in 6 second(s)`, from the fuzzer's last line.
fn done(log: &str) -> Option<&str> {
    log.lines().rev().find_map(|line| line.strip_prefix("Done "))
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("fuzz")
}

#[cfg(test)]
mod tests {
    use super::done;

    #[test]
    fn what_the_fuzzer_did_is_read_from_its_last_line() {
        assert_eq!(done("#2 INITED\nDone 4711 runs in 6 second(s)\n"), Some("4711 runs in 6 second(s)"));
        assert_eq!(done("==1== ERROR: libFuzzer: deadly signal\n"), None);
    }
}
