//! `cargo xtask test`: sets up what is missing, runs every step, and closes with a table and the number of tests.

mod steps;
mod summary;

use std::time::Duration;

use anyhow::{Result, bail};

use crate::process::Tests;
use crate::setup::{self, Tool};
use crate::workspace::Workspace;

use self::steps::STEPS;
use self::summary::Line;

/// How one step ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// Everything held; a step without tests of its own counts as one.
    Passed(Tests),
    /// Something did not hold; the output above says what.
    Failed(Tests),
    /// The step needs something that this machine cannot have, and the reason is told in the table.
    NotRun(String),
}

/// One thing that is checked.
pub(crate) struct Step {
    name: &'static str,
    what: &'static str,
    tools: &'static [Tool],
    run: fn(&Workspace) -> Result<Ending>,
}

/// Runs the steps that the options choose; false when any of them failed.
pub(crate) fn run(workspace: &Workspace, options: &[&str]) -> Result<bool> {
    let chosen = choose(options)?;
    if chosen.is_empty() {
        for step in STEPS {
            println!("{:<12}{}", step.name, step.what);
        }
        return Ok(true);
    }
    let mut lines = Vec::new();
    lines.push(timed("set-up", "installs what this machine lacks", || {
        let mut tools: Vec<Tool> = chosen.iter().flat_map(|step| step.tools).copied().collect();
        tools.sort();
        tools.dedup();
        setup::install(workspace, &tools)?;
        Ok(Ending::Passed(Tests::default()))
    }));
    for step in chosen {
        lines.push(timed(step.name, step.what, || (step.run)(workspace)));
    }
    Ok(summary::print(&lines))
}

/// What runs only when it is asked for, by its name or with `--all`: what has to be built for it takes too long.
const LONG: &[&str] = &["garage"];

/// `--only a,b` chooses steps by name, `--all` each of them, `--list` none; without options all but the long ones run.
fn choose(options: &[&str]) -> Result<Vec<&'static Step>> {
    let names: Vec<&str> = match options {
        [] => return Ok(STEPS.iter().filter(|step| !LONG.contains(&step.name)).collect()),
        ["--all"] => return Ok(STEPS.iter().collect()),
        ["--list"] => return Ok(Vec::new()),
        ["--only", names] => names.split(',').collect(),
        [other] if other.starts_with("--only=") => other["--only=".len()..].split(',').collect(),
        _ => bail!("unknown options: {}; there are --only STEP,…, --all and --list", options.join(" ")),
    };
    for name in &names {
        if !STEPS.iter().any(|step| step.name == *name) {
            let known: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
            bail!("there is no step {name}; there are {}", known.join(", "));
        }
    }
    Ok(STEPS.iter().filter(|step| names.contains(&step.name)).collect())
}

fn timed(name: &'static str, what: &str, step: impl FnOnce() -> Result<Ending>) -> Line {
    println!("\n=== {name}: {what}");
    let begun = now();
    let ending = step().unwrap_or_else(|error| {
        println!("{error:#}");
        Ending::Failed(Tests::default())
    });
    Line { name, ending, took: now().saturating_sub(begun) }
}

/// Time since an arbitrary moment, for durations only.
#[expect(clippy::disallowed_methods, reason = "the steps are timed for a person to read; nothing depends on it")]
fn now() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::choose;

    #[test]
    fn steps_are_chosen_by_name_and_unknown_names_are_refused() {
        let names =
            |options: &[&str]| choose(options).map(|steps| steps.iter().map(|step| step.name).collect::<Vec<_>>()).ok();
        assert_eq!(names(&["--only", "tidy,fmt"]), Some(vec!["fmt", "tidy"]));
        assert_eq!(names(&["--only=doc"]), Some(vec!["doc"]));
        assert_eq!(names(&["--list"]), Some(vec![]));
        assert_eq!(names(&["--only", "nonsense"]), None);
        assert_eq!(names(&["--fast"]), None);
        assert_eq!(names(&["--only", "garage"]), Some(vec!["garage"]));
        let (usual, all) = (names(&[]).unwrap(), names(&["--all"]).unwrap());
        assert!(usual.len() > 6 && !usual.contains(&"garage"));
        assert!(all.contains(&"garage") && usual.iter().all(|name| all.contains(name)));
    }
}
