//! The contenders in other languages: programs of their own that measure themselves, asked for a share through a pipe.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::Lanes;
use crate::lane::{Lane, Signed, Work};
use crate::task;
use crate::task::Operation;

/// boto3, AWS's SDK for Python.
pub(super) fn boto3(python: &Path, keys: &[String]) -> Result<Vec<Lane>> {
    let mut command = Command::new(python);
    command.arg(scripts().join("boto3_signer.py"));
    lanes("boto3", &mut command, keys).context("boto3 does not answer; `cargo xtask bench presign` installs it")
}

/// The presigners of AWS's SDK for JavaScript.
pub(super) fn js(keys: &[String]) -> Result<Vec<Lane>> {
    let mut command = Command::new("node");
    command.arg(scripts().join("js/signer.mjs"));
    // It would tell each time which versions of node it will not support one day.
    command.env("AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED", "true");
    lanes("JS presigner", &mut command, keys)
        .context("the JS presigner does not answer; `cargo xtask bench presign` installs it, and it needs node 20")
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

fn lanes(contender: &'static str, command: &mut Command, keys: &[String]) -> Result<Vec<Lane>> {
    let mut client = Client::start(command)?;
    let version = client.ask(&json!({
        "bucket": task::BUCKET,
        "region": task::REGION,
        "access_key": task::ACCESS_KEY,
        "secret_key": task::SECRET_KEY,
        "life": task::LIFE,
        "disposition": task::DISPOSITION,
        "headers": task::HEADERS.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        "least": task::LEAST,
        "most": task::MOST,
        "keys": keys,
    }))?;
    let version = version["version"].as_str().context("it does not tell its version")?.to_owned();
    let client = Rc::new(RefCell::new(client));
    let lanes = Lanes { contender, version, lanes: Vec::new() };
    Ok(Operation::ALL
        .into_iter()
        .fold(lanes, |lanes, operation| lanes.push(operation, Share { client: Rc::clone(&client), operation }))
        .lanes)
}

/// One operation of a client.
struct Share {
    client: Rc<RefCell<Client>>,
    operation: Operation,
}

impl Work for Share {
    fn sign(&mut self, key: &str) -> Result<Signed> {
        let answer = self.client.borrow_mut().ask(&json!({ "sign": self.operation.name(), "key": key }))?;
        if let Some(url) = answer["url"].as_str() {
            return Ok(Signed::Url(url.to_owned()));
        }
        let fields = answer["fields"].as_object().context("neither a URL nor fields came back")?;
        Ok(Signed::Form(
            fields.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect(),
        ))
    }

    /// The client goes through the same keys, which it was given at its start.
    fn time(&mut self, _: &[String], count: usize) -> Result<Duration> {
        let answer = self.client.borrow_mut().ask(&json!({ "time": self.operation.name(), "count": count }))?;
        Ok(Duration::from_nanos(answer["nanoseconds"].as_u64().context("no time came back")?))
    }
}

/// A running program that answers each line of JSON with one.
struct Client {
    child: Child,
    /// Present until the client is to end.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Client {
    fn start(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} could not be started", command.get_program().display()))?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("the output was asked for as a pipe")?);
        Ok(Self { child, input, output })
    }

    fn ask(&mut self, question: &Value) -> Result<Value> {
        let input = self.input.as_mut().context("the input was asked for as a pipe")?;
        writeln!(input, "{question}")?;
        input.flush()?;
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("it ended without an answer");
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The end of its input ends the client; what it has to say of that interests nobody any more.
        self.input = None;
        let _ended = self.child.wait();
    }
}
