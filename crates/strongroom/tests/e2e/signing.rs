//! Runs `strongroom sign` and `strongroom explain` as somebody at a terminal would, and the curl lines they write.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::app::App;
use crate::caller::text;

/// Somebody with credentials in the environment and a folder to be in.
#[derive(Debug)]
pub(crate) struct Signing {
    pub(crate) folder: TempDir,
    environment: Vec<(String, String)>,
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Signing {
    /// With these variables alone.
    pub(crate) fn with(environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder can be written");
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { folder, environment }
    }

    /// With AWS's documented example keys.
    pub(crate) fn example() -> Self {
        Self::with(&[
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_REGION", "eu-central-1"),
        ])
    }

    /// As one of the identities of an embedded store.
    pub(crate) fn at(app: &App, identity: &str) -> Self {
        let keys = app.keys();
        Self::with(&[
            ("AWS_ACCESS_KEY_ID", text(&keys[identity]["access_key_id"])),
            ("AWS_SECRET_ACCESS_KEY", text(&keys[identity]["secret_access_key"])),
            ("AWS_ENDPOINT_URL", app.store()),
        ])
    }

    /// The same with another variable.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(own, _)| own != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// One of the variables.
    pub(crate) fn variable(&self, name: &str) -> &str {
        let found = self.environment.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str()).expect("the test set it")
    }

    /// The program in the folder, with nothing in the environment but this.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
        command.args(words).env_clear().env("HOME", self.folder.path()).current_dir(self.folder.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the program.
    pub(crate) fn run(&self, words: &[&str]) -> Said {
        self.run_with(words, "")
    }

    /// Runs the program with something to read.
    pub(crate) fn run_with(&self, words: &[&str], input: &str) -> Said {
        said(feed(self.command(words), input.as_bytes()))
    }

    /// The one line that a command which has to succeed prints.
    #[track_caller]
    pub(crate) fn line(&self, words: &[&str]) -> String {
        let said = self.run(words);
        assert_eq!(said.code, Some(0), "{words:?}: {}", said.err);
        said.out.trim_end().to_owned()
    }

    /// The JSON that a command prints, whatever it comes to.
    #[track_caller]
    pub(crate) fn json(&self, words: &[&str]) -> Value {
        let said = self.run(words);
        serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{words:?}: {} {}", said.out, said.err))
    }

    /// Runs a line in a shell, in the folder, and answers what it printed.
    #[track_caller]
    pub(crate) fn shell(&self, line: &str, input: &[u8]) -> String {
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(self.folder.path()).env("NO_PROXY", "*");
        let output = feed(command, input);
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a line in a shell that has the program's environment and folder, whatever it comes to.
    pub(crate) fn own_shell(&self, line: &str) -> Said {
        let mut command = Command::new("sh");
        command.args(["-c", line]).env("HOME", self.folder.path()).current_dir(self.folder.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        said(feed(command, b""))
    }

    /// Signs something as a curl line and runs that.
    #[track_caller]
    pub(crate) fn curl(&self, words: &[&str], input: &[u8]) -> String {
        self.shell(&self.line(&[words, &["--curl"]].concat()), input)
    }

    /// Explains as JSON: the exit code, and the codes of what was found.
    #[track_caller]
    pub(crate) fn explain(&self, words: &[&str]) -> (Option<i32>, Vec<String>) {
        let said = self.run(&[&["explain", "--json"], words].concat());
        let explanation: Value =
            serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{words:?}: {} {}", said.out, said.err));
        let findings = explanation["findings"].as_array().expect("the findings are a list");
        (said.code, findings.iter().map(|finding| text(&finding["code"]).to_owned()).collect())
    }

    /// Leaves a file in the folder.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("the folder is ours");
        std::fs::write(path, content).expect("the folder is ours");
    }
}

/// The secret of AWS's examples.
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

fn feed(mut command: Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program is there");
    // A program that refuses at once does not read what it is given.
    let _ = child.stdin.take().expect("the input was asked for as a pipe").write_all(input);
    child.wait_with_output().expect("a child of ours can be waited for")
}

fn said(output: Output) -> Said {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what is printed is UTF-8");
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}
