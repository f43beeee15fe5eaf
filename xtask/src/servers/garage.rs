//! Garage: one node that is a cluster by itself.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::daemon::{Daemon, answers, free_ports};
use crate::process::quietly;

/// Names of keys and secrets have a form of their own there.
pub(crate) const ACCESS_KEY: &str = "GK31c2f218a2e44f485b94239e";
pub(crate) const SECRET_KEY: &str = "b892c0665f0ada8a4755dae98baa3b133590e11dae3bcc1f9d769d67f16c3835";

/// Starts it in a folder, with a key that may make buckets; the S3 port and the process.
pub(super) fn start(program: &Path, folder: &Path) -> Result<(u16, Vec<Daemon>)> {
    let [rpc, s3] = free_ports::<2>()?;
    let configuration = folder.join("garage.toml");
    let text = format!(
        "metadata_dir = \"{0}/meta\"\ndata_dir = \"{0}/data\"\ndb_engine = \"lmdb\"\nreplication_factor = 1\n\
         rpc_bind_addr = \"127.0.0.1:{rpc}\"\nrpc_public_addr = \"127.0.0.1:{rpc}\"\nrpc_secret = \"{SECRET_KEY}\"\n\
         [s3_api]\ns3_region = \"us-east-1\"\napi_bind_addr = \"127.0.0.1:{s3}\"\nroot_domain = \".s3.localhost\"\n",
        folder.display()
    );
    std::fs::write(&configuration, text)?;
    let configuration = configuration.to_str().context("a folder has a name in UTF-8")?;
    let mut daemon = Daemon::start(program, &["-c", configuration, "server"], folder)?;
    daemon.until("its S3 API answers", || answers(s3, &["403"]))?;
    let ask = |words: &[&str]| quietly(Command::new(program).args(["-c", configuration]).args(words));
    let node = ask(&["node", "id", "-q"])?;
    let node = node.trim().split('@').next().unwrap_or_default();
    ask(&["layout", "assign", "-z", "here", "-c", "10G", node])?;
    ask(&["layout", "apply", "--version", "1"])?;
    ask(&["key", "import", "--yes", ACCESS_KEY, SECRET_KEY])?;
    ask(&["key", "allow", "--create-bucket", ACCESS_KEY])?;
    Ok((s3, vec![daemon]))
}
