//! The table at the end of the tests, and the line that closes it.

use std::time::Duration;

use super::Ending;
use crate::process::Tests;

/// One step's row.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) ending: Ending,
    pub(crate) took: Duration,
}

/// Prints the table and the closing line; true when nothing failed.
pub(crate) fn print(lines: &[Line]) -> bool {
    println!("\n=== summary");
    for line in lines {
        let seconds = line.took.as_secs();
        let took = format!("{}:{:02}", seconds / 60, seconds % 60);
        match &line.ending {
            Ending::Passed(tests) => println!("{:<12}{took:>7}  passed   {}", line.name, inside(*tests)),
            Ending::Failed(tests) => println!("{:<12}{took:>7}  FAILED   {}", line.name, inside(*tests)),
            Ending::NotRun(why) => println!("{:<12}{took:>7}  NOT RUN  {why}", line.name),
        }
    }
    let total = total(lines);
    println!("\n{} passed, {} failed", total.passed, total.failed);
    total.failed == 0
}

/// A step without tests of its own counts as one; a step that failed counts at least one failure.
fn total(lines: &[Line]) -> Tests {
    lines.iter().fold(Tests::default(), |sum, line| {
        let (passed, failed) = match line.ending {
            Ending::Passed(tests) => (tests.passed.max(1), tests.failed),
            Ending::Failed(tests) => (tests.passed, tests.failed.max(1)),
            Ending::NotRun(_) => (0, 0),
        };
        Tests { passed: sum.passed + passed, failed: sum.failed + failed }
    })
}

fn inside(tests: Tests) -> String {
    if tests == Tests::default() { String::new() } else { format!("{} passed, {} failed", tests.passed, tests.failed) }
}

#[cfg(test)]
mod tests {
    use super::{Ending, Line, print, total};
    use crate::process::Tests;
    use std::time::Duration;

    fn line(ending: Ending) -> Line {
        Line { name: "step", ending, took: Duration::from_secs(61) }
    }

    #[test]
    fn a_failed_step_is_counted_even_when_it_reported_no_test() {
        let lines = [line(Ending::Passed(Tests { passed: 7, failed: 0 })), line(Ending::Failed(Tests::default()))];
        assert_eq!(total(&lines), Tests { passed: 7, failed: 1 });
        assert!(!print(&lines));
    }

    #[test]
    fn what_could_not_run_is_neither_passed_nor_failed() {
        let lines = [line(Ending::Passed(Tests::default())), line(Ending::NotRun("no network".into()))];
        assert_eq!(total(&lines), Tests { passed: 1, failed: 0 });
        assert!(print(&lines));
    }
}
