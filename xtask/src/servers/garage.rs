//! Garage: a cluster of one node or of several that keep three copies between them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::daemon::{Daemon, answers, free_ports};
use crate::process::quietly;

/// Names of keys and secrets have a form of their own there.
pub(crate) const ACCESS_KEY: &str = "GK31c2f218a2e44f485b94239e";
pub(crate) const SECRET_KEY: &str = "b892c0665f0ada8a4755dae98baa3b133590e11dae3bcc1f9d769d67f16c3835";

/// One node, as its command line knows it.
struct Node {
    program: String,
    configuration: String,
    s3: u16,
    rpc: u16,
}

/// Starts so many nodes in a folder, with a key that may make buckets; the S3 port of the first, and the processes.
pub(super) fn start(program: &Path, folder: &Path, count: usize) -> Result<(u16, Vec<Daemon>)> {
    let copies = if count < 3 { 1 } else { 3 };
    let mut nodes = Vec::new();
    let mut daemons = Vec::new();
    for number in 0..count {
        let node = Node::prepare(program, &folder.join(format!("node-{number}")), copies)?;
        let mut daemon = Daemon::start(program, &["-c", &node.configuration, "server"], folder)?;
        daemon.until("its S3 API answers", || answers(node.s3, &["403"]))?;
        nodes.push(node);
        daemons.push(daemon);
    }
    let first = nodes.first().context("a cluster has a node")?;
    for node in &nodes {
        let id = node.ask(&["node", "id", "-q"])?;
        let id = id.trim().split('@').next().unwrap_or_default();
        if node.rpc != first.rpc {
            first.ask(&["node", "connect", &format!("{id}@127.0.0.1:{}", node.rpc)])?;
        }
        first.ask(&["layout", "assign", "-z", &format!("zone-{}", node.rpc), "-c", "10G", id])?;
    }
    first.ask(&["layout", "apply", "--version", "1"])?;
    first.ask(&["key", "import", "--yes", ACCESS_KEY, SECRET_KEY])?;
    first.ask(&["key", "allow", "--create-bucket", ACCESS_KEY])?;
    Ok((first.s3, daemons))
}

impl Node {
    fn prepare(program: &Path, folder: &Path, copies: usize) -> Result<Self> {
        let [rpc, s3] = free_ports::<2>()?;
        std::fs::create_dir_all(folder)?;
        let configuration = folder.join("garage.toml");
        let text = format!(
            "metadata_dir = \"{0}/meta\"\ndata_dir = \"{0}/data\"\ndb_engine = \"lmdb\"\nreplication_factor = {copies}\n\
             rpc_bind_addr = \"127.0.0.1:{rpc}\"\nrpc_public_addr = \"127.0.0.1:{rpc}\"\nrpc_secret = \"{SECRET_KEY}\"\n\
             [s3_api]\ns3_region = \"us-east-1\"\napi_bind_addr = \"127.0.0.1:{s3}\"\nroot_domain = \".s3.localhost\"\n",
            folder.display()
        );
        std::fs::write(&configuration, text)?;
        let configuration = configuration.to_str().context("a folder has a name in UTF-8")?.to_owned();
        Ok(Self { program: program.display().to_string(), configuration, s3, rpc })
    }

    fn ask(&self, words: &[&str]) -> Result<String> {
        quietly(Command::new(&self.program).args(["-c", &self.configuration]).args(words))
    }
}
