//! Runs other programs, lets their output through and counts the tests that it reports.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context, Result, ensure};

/// How a program ended, and what it said of its tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The program's exit code was 0.
    pub(crate) success: bool,
    /// The tests that it reported.
    pub(crate) tests: Tests,
}

/// Tests that ran, by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tests {
    /// Those that passed.
    pub(crate) passed: u64,
    /// Those that failed, timed out or were ended.
    pub(crate) failed: u64,
}

/// A program that ends with its owner. Nothing that it holds is kept, so it need not put anything in order.
#[derive(Debug)]
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing to be done about either failure.
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

/// Prints the command, runs it with its output passed on line by line, and waits for its end.
pub(crate) fn follow(command: &mut Command) -> Result<Outcome> {
    println!("$ {}", display(command));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{}` could not be started", display(command)))?;
    let stdout = child.stdout.take().context("the output was asked for as a pipe")?;
    let stderr = child.stderr.take().context("the output was asked for as a pipe")?;
    let tests = thread::scope(|scope| {
        let errors = scope.spawn(|| pass_on(stderr));
        let output = pass_on(stdout);
        let errors = errors.join().unwrap_or_default();
        Tests { passed: output.passed + errors.passed, failed: output.failed + errors.failed }
    });
    let status = child.wait().context("waiting for the program failed")?;
    Ok(Outcome { success: status.success(), tests })
}

/// Runs a command that has to succeed and says nothing worth reading when it does.
pub(crate) fn quietly(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("`{}` could not be started", display(command)))?;
    ensure!(
        output.status.success(),
        "`{}` failed: {}{}",
        display(command),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command as one would type it.
fn display(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Copies a program's output to ours and counts what it says of tests.
fn pass_on(stream: impl Read) -> Tests {
    let mut tests = Tests::default();
    let mut line = Vec::new();
    let mut stream = BufReader::new(stream);
    while stream.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        // Both streams of the program go to our output, so that a log reads in the order in which things happened.
        let _closed = std::io::stdout().write_all(&line);
        if let Some(counted) = count(&String::from_utf8_lossy(&line)) {
            tests.passed += counted.passed;
            tests.failed += counted.failed;
        }
        line.clear();
    }
    tests
}

/// Reads the closing lines of cargo test, of nextest and of our own runners.
fn count(line: &str) -> Option<Tests> {
    let line = without_colour(line);
    let line = line.trim();
    let closing = line.starts_with("test result:")
        || line.starts_with("Summary [")
        || line.split_once(" passed, ").is_some_and(|(head, tail)| {
            head.parse::<u64>().is_ok()
                && tail.strip_suffix(" failed").is_some_and(|count| count.parse::<u64>().is_ok())
        });
    let before = |word: &str| {
        let words: Vec<&str> = line.split([' ', ',', ';']).filter(|word| !word.is_empty()).collect();
        let at = words.iter().position(|candidate| *candidate == word)?;
        words.get(at.checked_sub(1)?)?.parse::<u64>().ok()
    };
    closing.then(|| Tests {
        passed: before("passed").unwrap_or(0),
        failed: before("failed").unwrap_or(0) + before("timed").unwrap_or(0),
    })
}

/// Terminals get coloured lines; the counts are read without the colour codes.
fn without_colour(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(character) = rest.next() {
        if character == '\u{1b}' {
            for code in rest.by_ref() {
                if code.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{Tests, count, follow};
    use std::process::Command;

    #[test]
    fn the_closing_lines_of_every_runner_are_counted() {
        let some = |passed, failed| Some(Tests { passed, failed });
        assert_eq!(count("test result: ok. 7 passed; 0 failed; 0 ignored; 0 measured"), some(7, 0));
        assert_eq!(count("     Summary [   1.2s] 9 tests run: 8 passed, 1 failed, 0 skipped"), some(8, 1));
        assert_eq!(
            count("\u{1b}[31;1m     Summary\u{1b}[0m [  61s] 3 tests run: 2 passed, 1 timed out, 0 skipped"),
            some(2, 1)
        );
        assert_eq!(count("12 passed, 3 failed"), some(12, 3));
        assert_eq!(count("the last run had 12 passed, 3 failed"), None);
        assert_eq!(count("passed"), None);
    }

    #[test]
    fn a_failing_program_is_seen_as_failing() {
        assert!(!follow(&mut Command::new("false")).unwrap().success);
        assert!(follow(&mut Command::new("true")).unwrap().success);
        assert!(follow(&mut Command::new("/no/such/program")).is_err());
    }
}
