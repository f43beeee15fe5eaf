//! What the bucket is, what it should be, and how it becomes that: a plan first, and the same plan applied.
//!
//! Nothing is loosened that is stricter than asked for, and what others set up in the bucket stays: rules of ours have
//! ids that begin with `strongroom`.

mod plan;
mod wanted;

use serde::Serialize;

use crate::config::Config;
use crate::storage::{Error, Found, Location, Operator, Setting, Written};
pub use plan::Change;
use plan::{Decision, decide};
use wanted::{Want, Wanted};

/// How it stands with one setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It is as it should be.
    Right,
    /// It would be changed.
    Planned,
    /// It was changed.
    Changed,
    /// It is stricter than it has to be, and stays so.
    Stricter,
    /// The storage does not offer it.
    NotOffered,
    /// It could not be read or set.
    Failed,
}

/// One line of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What it is about.
    pub what: &'static str,
    /// How it stands.
    pub state: State,
    /// What goes and what comes.
    #[serde(flatten)]
    pub change: Change,
    /// What there is to say about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What to do beside planning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Carry the plan out.
    pub apply: bool,
    /// Loosen what is stricter than it has to be.
    pub allow_loosen: bool,
}

/// The bucket as it is reached.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// Its operator.
    pub operator: &'a Operator,
    /// The spaces whose objects lie in it; nothing for those that have no bucket for themselves.
    pub of_spaces: Option<&'a str>,
    /// Its region, where there are regions: a bucket cannot be moved.
    pub region: Option<&'a str>,
    /// The prefix under which everything lies.
    pub location: &'a Location,
}

/// Plans, and carries the plan out if that is asked for. What is in order already is left alone, so doing it again
/// changes nothing.
pub async fn run(config: &Config, site: Site<'_>, terms: Terms) -> Vec<Step> {
    let mut steps = Vec::new();
    let exists = match bucket(site, terms).await {
        Ok((step, exists)) => {
            let ended = step.state == State::Failed;
            steps.push(step);
            if ended {
                return steps;
            }
            exists
        }
        Err(error) => {
            steps.push(failed("bucket", &error));
            return steps;
        }
    };
    for Wanted { setting, want } in wanted::of(config, site) {
        let step = match set_right(site.operator, setting, &want, exists, terms).await {
            Ok(step) => step,
            Err(error) => failed(setting.name(), &error),
        };
        steps.push(step);
    }
    steps
}

/// The bucket itself; and whether it is there, now.
async fn bucket(site: Site<'_>, terms: Terms) -> Result<(Step, bool), Error> {
    let step = |state, note| Step { what: "bucket", state, change: Change::default(), note };
    match (site.operator.region().await?, site.region) {
        (Some(is), Some(should)) if usual(&is) != should => {
            let note = format!(
                "it lies in the region {}, and a bucket cannot be moved: set storage.region to that, or name another \
                 bucket",
                usual(&is)
            );
            Ok((step(State::Failed, Some(note)), true))
        }
        (Some(_), _) => Ok((step(State::Right, None), true)),
        (None, region) => {
            let place = region.map_or_else(String::new, |region| format!(" in {region}"));
            let change = Change { minus: Vec::new(), plus: vec![format!("the bucket{place}")] };
            if terms.apply {
                // The region without a name is the one that everything began in.
                site.operator.create(region.filter(|region| *region != "us-east-1")).await?;
            }
            let state = if terms.apply { State::Changed } else { State::Planned };
            Ok((Step { what: "bucket", state, change, note: None }, terms.apply))
        }
    }
}

/// Two regions are older than their names.
fn usual(region: &str) -> &str {
    match region {
        "" => "us-east-1",
        "EU" => "eu-west-1",
        region => region,
    }
}

async fn set_right(
    operator: &Operator,
    setting: Setting,
    want: &Want,
    exists: bool,
    terms: Terms,
) -> Result<Step, Error> {
    let step = |state, change, note| Step { what: setting.name(), state, change, note };
    let found = if exists { operator.read(setting).await? } else { Found::Unset };
    let is = match found {
        Found::NotOffered(words) => return Ok(step(State::NotOffered, Change::default(), Some(words))),
        Found::Unset => String::new(),
        Found::Set(document) => document,
    };
    match decide(setting, &is, want, terms.allow_loosen) {
        Decision::Right => Ok(step(State::Right, Change::default(), None)),
        Decision::Stricter(note) => Ok(step(State::Stricter, Change::default(), Some(note))),
        Decision::Change { change, .. } if !terms.apply => Ok(step(State::Planned, change, None)),
        Decision::Change { change, documents } => {
            let mut refused = None;
            // From all that is wanted down to what this storage takes of it.
            for document in documents {
                let written = match document {
                    Some(document) => operator.write(setting, document).await?,
                    None => operator.clear(setting).await?,
                };
                match (written, refused.take()) {
                    (Written::Done, None) => return Ok(step(State::Changed, change, None)),
                    (Written::Done, Some(words)) => {
                        let note = format!("the storage takes only a part of it: {words}");
                        return Ok(step(State::NotOffered, change, Some(note)));
                    }
                    (Written::NotOffered(words), first) => refused = Some(first.unwrap_or(words)),
                }
            }
            Ok(step(State::NotOffered, change, refused))
        }
    }
}

fn failed(what: &'static str, error: &Error) -> Step {
    let mend = match error {
        Error::Refused { status: 403, .. } => {
            ": the operator lacks a right, or its key is wrong; `strongroom policy operator` prints what it needs"
        }
        _ => "",
    };
    let note = Some(format!("{error}{mend}"));
    Step { what, state: State::Failed, change: Change::default(), note }
}
