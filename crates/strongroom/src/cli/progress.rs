//! How far long work has come: a bar on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal as _, Write as _};

use indicatif::{ProgressBar, ProgressStyle};

use crate::config::size;

/// Shown on standard error, so that standard output stays for the result.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    what: &'static str,
    show: fn(u64) -> String,
    total: u64,
    /// The tenths that have been told of.
    told: u64,
}

impl Progress {
    /// Begins with nothing done of so many bytes.
    pub(super) fn begin(what: &'static str, total: u64) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes} of {total_bytes}, {eta} left")
                .expect("the template is a constant that a test draws");
            ProgressBar::new(total).with_style(style).with_message(what)
        });
        Self { bar, what, show: size::show, total, told: 0 }
    }

    /// Begins with no rows done of a number that is told later.
    pub(super) fn rows(what: &'static str) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos} of {human_len} rows, {eta} left")
                .expect("the template is a constant");
            ProgressBar::new(0).with_style(style).with_message(what)
        });
        Self { bar, what, show: |rows| format!("{rows} rows"), total: 0, told: 0 }
    }

    /// So much is done, of so much.
    pub(super) fn reached_of(&mut self, done: u64, total: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(total);
        }
        self.total = total;
        self.reached(done);
    }

    /// So much is done.
    pub(super) fn reached(&mut self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
            return;
        }
        let tenths = bytes.saturating_mul(10).checked_div(self.total).unwrap_or(0).min(10);
        if tenths > self.told {
            self.told = tenths;
            let (done, total) = ((self.show)(bytes), (self.show)(self.total));
            // Nobody may be listening, and the work goes on.
            let _ = writeln!(io::stderr(), "{}: {}%, {done} of {total}", self.what, tenths * 10);
        }
    }

    /// It is over.
    pub(super) fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Progress;

    #[test]
    fn nothing_to_do_is_done_and_what_grows_meanwhile_does_not_exceed_the_whole() {
        let mut progress = Progress::begin("verified", 0);
        progress.reached(5);
        assert_eq!(progress.told, 0);
        progress.end();
        let mut progress = Progress::begin("verified", 100);
        progress.reached(45);
        progress.reached(300);
        assert!(progress.bar.is_some() || progress.told == 10);
        progress.end();
    }
}
