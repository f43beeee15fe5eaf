//! Prints the figures: a table for people and, when asked, one JSON object for machines.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::contenders::{COMPRESSIONS, FLOOR, OURS, RUST_S3, RUSTY_S3};
use crate::lane::Lane;
use crate::rounds::{Times, median};
use crate::task::Operation;

/// What is compared: the name among the figures, the operation, with whom, and the ratio to reach if there is one.
const COMPARED: [(&str, Operation, &str, Option<f64>); 4] = [
    ("get_vs_rusty_s3", Operation::Get, RUSTY_S3, Some(0.10)),
    ("get_vs_hash_floor", Operation::Get, FLOOR, Some(1.4)),
    ("get_vs_compressions", Operation::Get, COMPRESSIONS, None),
    ("post_vs_rust_s3", Operation::Post, RUST_S3, Some(0.20)),
];

/// Prints the table, and the JSON object as the last line if that is wanted.
pub(crate) fn print(lanes: &[Lane], times: &[Times], as_json: bool) -> Result<()> {
    let of = |contender: &str, operation: Operation| {
        let at = lanes.iter().position(|lane| lane.contender == contender && lane.operation == operation)?;
        Some(&times[at])
    };
    let mut contenders: Vec<(&str, &str)> = Vec::new();
    for lane in lanes {
        if !contenders.iter().any(|(name, _)| *name == lane.contender) {
            contenders.push((lane.contender, &lane.version));
        }
    }
    let rounds = times.first().map_or(0, Vec::len);
    println!("\nnanoseconds of processor time a signature, one thread, medians of {rounds} rounds in turn\n");
    print!("{:<32}", "");
    for operation in Operation::ALL {
        print!("{:>13}", operation.title());
    }
    println!();
    let mut nanoseconds = Map::new();
    for (contender, version) in contenders {
        print!("{:<32}", format!("{contender} {version}"));
        let mut row = Map::new();
        for operation in Operation::ALL {
            let figure = of(contender, operation).and_then(|times| median(times.iter().copied()));
            print!("{:>13}", figure.map_or(String::new(), |figure| format!("{figure:.0}")));
            row.extend(figure.map(|figure| (operation.name().to_owned(), json!(figure.round()))));
        }
        println!();
        row.insert("version".to_owned(), json!(version));
        nanoseconds.insert(contender.to_owned(), Value::Object(row));
    }
    println!();
    let mut figures = Map::new();
    for (name, operation, other, aim) in COMPARED {
        let pair = of(OURS, operation).zip(of(other, operation)).context("somebody who is compared did not run")?;
        let ratio = median(pair.0.iter().zip(pair.1).map(|(ours, theirs)| ours / theirs)).context("no round ran")?;
        let aim = aim.map_or(String::new(), |aim| format!(", to reach: at most {aim:.2}"));
        println!("{name:<20} {ratio:.3}{aim}");
        figures.insert(name.to_owned(), json!((ratio * 1_000.0).round() / 1_000.0));
    }
    figures.insert("nanoseconds".to_owned(), Value::Object(nanoseconds));
    if as_json {
        println!("{}", Value::Object(figures));
    }
    Ok(())
}
