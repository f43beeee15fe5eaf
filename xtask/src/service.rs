//! Starts the built service on free ports for a test, a bench or a look at its API, and ends it afterwards.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::process::Running;

/// A running service with a data folder of its own; dropping it ends both.
#[derive(Debug)]
pub(crate) struct Service {
    child: Running,
    ready: Value,
    /// Removed when the service is dropped.
    folder: TempDir,
}

impl Service {
    /// Starts the binary with the given configuration and further arguments, and waits until it listens.
    pub(crate) fn start(binary: &Path, configuration: &str, arguments: &[&str]) -> Result<Self> {
        let store = ["--store-listen", "127.0.0.1:0"];
        Self::run(binary, configuration, &[&store, arguments].concat())
    }

    /// Starts one that has no store of its own, because the configuration names another.
    pub(crate) fn start_node(binary: &Path, configuration: &str) -> Result<Self> {
        Self::run(binary, configuration, &[])
    }

    fn run(binary: &Path, configuration: &str, arguments: &[&str]) -> Result<Self> {
        ensure!(binary.is_file(), "{} has not been built", binary.display());
        // Beside the binary, because the temporary folder may lie in memory, where writing is another thing.
        let beside = binary.parent().context("a file lies in a folder")?;
        let folder = tempfile::Builder::new().prefix("strongroom-").tempdir_in(beside)?;
        let file = folder.path().join("strongroom.toml");
        std::fs::write(&file, configuration)?;
        let mut child = Command::new(binary)
            .args(["serve", "--json", "--listen", "127.0.0.1:0"])
            .arg("--config")
            .arg(&file)
            .arg("--data")
            .arg(folder.path().join("data"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} could not be started", binary.display()))?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("the output was asked for as a pipe")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let ready = serde_json::from_str(&line);
        let mut service = Self { child: Running(child), ready: Value::Null, folder };
        match ready {
            Ok(ready) => service.ready = ready,
            Err(_) => bail!("the service did not start; it said: {line}"),
        }
        Ok(service)
    }

    /// Another command of the same program on the same data.
    pub(crate) fn command(&self, binary: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(binary);
        let folder = self.folder.path();
        command.args(words).arg("--config").arg(folder.join("strongroom.toml")).arg("--data").arg(folder.join("data"));
        command
    }

    /// The API's origin, as `http://127.0.0.1:40123`.
    pub(crate) fn api(&self) -> &str {
        self.ready["api"].as_str().unwrap_or_default()
    }

    /// The administrator's token.
    pub(crate) fn token(&self) -> &str {
        self.ready["token"].as_str().unwrap_or_default()
    }

    /// The process, for looking at its memory.
    pub(crate) fn process(&self) -> u32 {
        self.child.0.id()
    }

    /// Where the API listens.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        self.api()
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .parse()
            .with_context(|| format!("the service said that it listens on {:?}", self.api()))
    }

    /// Asks for a path without a token; the answer's status and body.
    pub(crate) fn get(&self, path: &str) -> Result<(u16, String)> {
        self.ask(path, "")
    }

    /// Asks for a path as the administrator; the answer's status and body.
    pub(crate) fn get_with_token(&self, path: &str) -> Result<(u16, String)> {
        self.ask(path, &format!("authorization: Bearer {}\r\n", self.token()))
    }

    fn ask(&self, path: &str, headers: &str) -> Result<(u16, String)> {
        let mut stream = TcpStream::connect(self.address()?)?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: strongroom\r\n{headers}connection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").context("the answer has no head")?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok((status.context("the answer has no status")?, body.to_owned()))
    }
}
