//! Input that means harm. What each of it gets is observed here and compared with the table in the documents.

pub(crate) mod bodies;
pub(crate) mod connections;
mod drawings;
mod pictures;
mod words;

use crate::caller::Answer;

/// The table that tells operators what to expect.
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/hostile-input.md");

/// Checks that the table has this input with exactly the answer that was seen.
#[track_caller]
pub(crate) fn documented(input: &str, answer: &str) {
    let table = std::fs::read_to_string(TABLE).expect("the table lies in the documents");
    let row = format!("| {input} | {answer} |");
    assert!(table.lines().any(|line| line == row), "docs/hostile-input.md has no row\n{row}");
}

/// A refusal as the table writes it.
#[track_caller]
fn refusal(answer: &Answer) -> String {
    format!("{} `{}`", answer.status, answer.problem()["code"].as_str().expect("a problem has a code"))
}
