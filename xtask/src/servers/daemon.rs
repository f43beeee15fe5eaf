//! One process of a server: started, waited for, and killed at the latest when this program ends.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::process::Running;

const PATIENCE: Duration = Duration::from_mins(2);
const PAUSE: Duration = Duration::from_millis(50);
/// As much of a log as shows why a process ended.
const TAIL: usize = 2_000;

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Daemon {
    child: Running,
    name: String,
    log: PathBuf,
}

impl Daemon {
    /// Starts a program that stays in the foreground; what it prints goes into `folder`.
    pub(super) fn start(program: &Path, arguments: &[&str], folder: &Path) -> Result<Self> {
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let log = folder.join(format!("{name}.out"));
        let output = File::create(&log)?;
        // Not even a killed xtask leaves a server behind: the kernel sends the signal.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("{name} could not be started"))?;
        Ok(Self { child: Running(child), name, log })
    }

    /// Waits until something holds, for as long as the process lives.
    pub(super) fn until(&mut self, what: &str, holds: impl Fn() -> bool) -> Result<()> {
        let mut waited = Duration::ZERO;
        while !holds() {
            let ended = self.child.0.try_wait()?;
            ensure!(ended.is_none(), "{} ended before {what}; it said:\n{}", self.name, self.said());
            ensure!(waited < PATIENCE, "{what} has not happened; {} said:\n{}", self.name, self.said());
            std::thread::sleep(PAUSE);
            waited += PAUSE;
        }
        Ok(())
    }

    fn said(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&text[text.len().saturating_sub(TAIL)..]).into_owned()
    }
}

/// Ports that nothing listens on at the moment.
pub(super) fn free_ports<const COUNT: usize>() -> Result<[u16; COUNT]> {
    // All are held until the last is known, or the same could be given twice.
    let held: Vec<TcpListener> =
        (0..COUNT).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<std::io::Result<_>>()?;
    let mut ports = [0; COUNT];
    for (port, listener) in ports.iter_mut().zip(&held) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

/// Whether an HTTP server answers with one of these statuses when it is asked for `/`.
pub(super) fn answers(port: u16, statuses: &[&str]) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET / HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n")?;
        let mut start = [0; 12];
        stream.read_exact(&mut start)?;
        Ok(String::from_utf8_lossy(&start[9..]).into_owned())
    };
    ask().is_ok_and(|status| statuses.contains(&status.as_str()))
}
