//! Real S3 servers by other makers, on this machine: started for the tests or for a look, and gone with all they wrote.

mod ceph;
mod daemon;
pub(crate) mod garage;
mod seaweedfs;

use std::path::Path;

use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tempfile::TempDir;

use self::daemon::Daemon;
use crate::setup::{self, Tool};
use crate::workspace::Workspace;

/// All servers but Garage know these two, by the same names as the embedded store's example does.
const ADMIN: &str = "admin";
const WRITER: &str = "writer";

/// A server by its maker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    SeaweedFs,
    Ceph,
    /// Three nodes.
    Garage,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::SeaweedFs, Self::Ceph, Self::Garage];

    /// Those that know several users with policies.
    pub(crate) const WITH_POLICIES: [Self; 2] = [Self::SeaweedFs, Self::Ceph];

    /// The name on the command line, and in the service's configuration.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SeaweedFs => "seaweedfs",
            Self::Ceph => "ceph",
            Self::Garage => "garage",
        }
    }

    /// What tells a test where the server listens.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::SeaweedFs => "STRONGROOM_TEST_SEAWEEDFS",
            Self::Ceph => "STRONGROOM_TEST_CEPH",
            Self::Garage => "STRONGROOM_TEST_GARAGE",
        }
    }

    fn tool(self) -> Tool {
        match self {
            Self::SeaweedFs => Tool::SeaweedFs,
            Self::Ceph => Tool::Ceph,
            Self::Garage => Tool::Garage,
        }
    }
}

/// A running server. Dropping it kills its processes and removes its folder.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where it listens, as `http://127.0.0.1:40123`.
    pub(crate) endpoint: String,
    // Fields are dropped in their order: the processes end before the folder that they write to goes.
    _daemons: Vec<Daemon>,
    _folder: TempDir,
}

impl Server {
    /// Starts a server on free ports and waits until it answers.
    pub(crate) fn start(workspace: &Workspace, kind: Kind) -> Result<Self> {
        Self::run(workspace, kind.name(), |folder| match kind {
            Kind::SeaweedFs => seaweedfs::start(&setup::seaweedfs_program(workspace), folder),
            Kind::Ceph => ceph::start(folder),
            Kind::Garage => garage::start(&setup::garage_program(workspace), folder, 3),
        })
    }

    /// Starts one node of Garage, if it has been built: that takes a quarter of an hour.
    pub(crate) fn start_garage(workspace: &Workspace) -> Result<Option<Self>> {
        let program = setup::garage_program(workspace);
        if !program.exists() {
            return Ok(None);
        }
        Self::run(workspace, "garage", |folder| garage::start(&program, folder, 1)).map(Some)
    }

    fn run(workspace: &Workspace, name: &str, start: impl FnOnce(&Path) -> Result<(u16, Vec<Daemon>)>) -> Result<Self> {
        println!("starting {name} …");
        // In the target folder, because the temporary one may lie in memory.
        let parent = workspace.target.join("servers");
        std::fs::create_dir_all(&parent)?;
        let folder = tempfile::Builder::new().prefix(name).tempdir_in(parent)?;
        let (port, daemons) = start(folder.path()).with_context(|| format!("{name} did not start"))?;
        let endpoint = format!("http://127.0.0.1:{port}");
        println!("{name} answers at {endpoint}");
        Ok(Self { endpoint, _daemons: daemons, _folder: folder })
    }
}

/// `cargo xtask serve NAME`: keeps one server running until it is told to stop.
pub(crate) fn serve(workspace: &Workspace, name: &str) -> Result<bool> {
    let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.name() == name) else {
        let names = Kind::ALL.map(Kind::name);
        bail!("there is no server {name}; there are {}", names.join(", "));
    };
    setup::install(workspace, &[kind.tool()])?;
    // Asked for before anything starts, so that no signal can pass by what has to be cleaned up.
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let server = Server::start(workspace, kind)?;
    if kind == Kind::Garage {
        println!("  access key {}, secret {}, may make buckets", garage::ACCESS_KEY, garage::SECRET_KEY);
    } else {
        for (user, may) in [(ADMIN, "everything"), (WRITER, "write alone")] {
            println!("  access key {user}, secret {}, may do {may}", secret(user));
        }
    }
    println!("  export {}={}", kind.variable(), server.endpoint);
    println!("it forgets everything when it ends: Ctrl-C ends it");
    signals.forever().next();
    println!("ending {name} …");
    Ok(true)
}

fn secret(user: &str) -> String {
    format!("{user}-secret")
}

#[cfg(test)]
mod tests {
    use super::daemon::free_ports;

    #[test]
    fn free_ports_differ_from_each_other() {
        let mut ports = free_ports::<20>().unwrap();
        ports.sort_unstable();
        assert!(ports.windows(2).all(|pair| pair[0] != pair[1]), "{ports:?}");
    }
}
