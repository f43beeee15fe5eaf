//! What the tests stand on: throw-away PostgreSQL servers, real ones whose files are gone at the end, and a proxy that
//! makes trouble.

use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

pub use proxy::{Fault, Proxy};

mod proxy;

/// The user that the server runs as when the tests run as root, which PostgreSQL refuses to do.
const SYSTEM_USER: &str = "postgres";

/// The password of the superuser, who is called `postgres`.
const PASSWORD: &str = "throw-away";

const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(50);

/// A PostgreSQL server of one's own. Dropping it ends it and removes what it wrote.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    port: u16,
    server: Option<Child>,
    folder: TempDir,
}

impl Postgres {
    /// Makes a cluster in a folder below `parent`, and starts its server with further `settings`.
    pub fn start(parent: &Path, settings: &[&str]) -> Result<Self> {
        let programs = programs()?;
        std::fs::create_dir_all(parent)?;
        let folder = tempfile::Builder::new().prefix("postgres").tempdir_in(parent)?;
        let port = quiet_port(folder.path())?;
        let mut postgres = Self { programs, port, server: None, folder };
        postgres.make(settings)?;
        postgres.run()?;
        Ok(postgres)
    }

    /// The database `postgres` of this server, as its superuser.
    pub fn url(&self) -> String {
        format!("postgres://postgres:{PASSWORD}@127.0.0.1:{}/postgres", self.port)
    }

    /// The folder of the cluster.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Ends the server in an orderly way: whoever is connected is told.
    pub fn stop(&mut self) -> Result<()> {
        self.signal("INT")
    }

    /// Ends the server as a crash would.
    pub fn kill(&mut self) -> Result<()> {
        // The immediate shutdown: no process says goodbye to anybody, and the next start recovers from the log.
        self.signal("QUIT")
    }

    /// Lets the server take connections under TLS, with this key and certificate, both in PEM.
    pub fn protect(&mut self, key: &str, certificate: &str) -> Result<()> {
        for (name, text) in [("server.key", key), ("server.crt", certificate)] {
            let file = self.data().join(name);
            std::fs::write(&file, text)?;
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
        }
        let mut settings = File::options().append(true).open(self.data().join("postgresql.auto.conf"))?;
        settings.write_all(b"ssl = on\n")?;
        self.hand_over()?;
        self.stop()?;
        self.run()
    }

    /// Gives the folder to the user that the server runs as.
    fn hand_over(&self) -> Result<()> {
        if is_root()? {
            let owned = Command::new("chown").arg("-R").arg(SYSTEM_USER).arg(self.folder.path()).status()?;
            ensure!(owned.success(), "the folder cannot be given to the user {SYSTEM_USER}");
        }
        Ok(())
    }

    fn signal(&mut self, signal: &str) -> Result<()> {
        if let Some(mut server) = self.server.take() {
            let sent = Command::new("kill").args([&format!("-{signal}"), &server.id().to_string()]).status()?;
            ensure!(sent.success(), "the server cannot be signalled");
            server.wait()?;
        }
        Ok(())
    }

    /// Starts the server again on what it wrote, and waits until it takes connections.
    pub fn run(&mut self) -> Result<()> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = unprivileged(&self.programs.join("postgres"));
        command.arg("-D").arg(self.data()).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.server = Some(command.spawn().context("the server cannot be started")?);
        let mut waited = Duration::ZERO;
        loop {
            let ready = Command::new(self.programs.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
                .status()?;
            if ready.success() {
                return Ok(());
            }
            let ended = self.server.as_mut().and_then(|server| server.try_wait().ok().flatten());
            if ended.is_some() || waited > PATIENCE {
                bail!("PostgreSQL did not start:\n{}", std::fs::read_to_string(self.log()).unwrap_or_default());
            }
            std::thread::sleep(PAUSE);
            waited += PAUSE;
        }
    }

    fn make(&self, settings: &[&str]) -> Result<()> {
        let folder = self.folder.path();
        let password = folder.join("password");
        std::fs::write(&password, PASSWORD)?;
        self.hand_over()?;
        let made = unprivileged(&self.programs.join("initdb"))
            .arg("-D")
            .arg(self.data())
            .arg("--pwfile")
            .arg(&password)
            // A locale with rules of its own, so that what must be bytewise cannot be so by chance.
            .args(["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--no-sync", "--no-instructions"])
            .args(["--locale-provider=icu", "--icu-locale=de", "--locale=C.UTF-8"])
            .output()?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let mut configuration = format!(
            "port = {}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 400\n\
             shared_buffers = '64MB'\n",
            self.port
        );
        for setting in settings {
            configuration.push_str(setting);
            configuration.push('\n');
        }
        let file = self.data().join("postgresql.auto.conf");
        std::fs::write(file, configuration).context("the settings cannot be written")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // What cannot be ended now is ended by the kernel when this process ends.
        let _ = self.kill();
    }
}

/// A schema of its own in the database at `url`; the URL that leads to it.
pub fn fresh_schema(url: &str, name: &str) -> Result<String> {
    psql(url, &format!("CREATE SCHEMA {name}"))?;
    Ok(format!("{url}?options=-csearch_path%3D{name}"))
}

/// Runs a statement, and gives back its rows, a line each with `|` between the columns.
pub fn psql(url: &str, sql: &str) -> Result<String> {
    let output = Command::new(programs()?.join("psql"))
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "-v", "ON_ERROR_STOP=1", "-c", sql, url])
        .stdin(Stdio::null())
        .output()?;
    ensure!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

/// Whether this machine has a PostgreSQL to start.
pub fn is_installed() -> bool {
    programs().is_ok()
}

/// A port that nobody is given who asks for any: it stays free until the server has it, which takes a second. Which one,
/// the random name of the server's folder decides.
fn quiet_port(folder: &Path) -> Result<u16> {
    // The system hands out those from 32,768 on.
    const FIRST: u16 = 12_000;
    const COUNT: u64 = 20_000;
    let mut hasher = DefaultHasher::new();
    folder.hash(&mut hasher);
    let begin = hasher.finish() % COUNT;
    let mut ports = (0..COUNT).filter_map(|at| Some(FIRST + u16::try_from((begin + at) % COUNT).ok()?));
    let free = ports.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    free.context("no port is free for PostgreSQL")
}

/// The programs of the newest PostgreSQL that is installed. Debian keeps them out of the search path.
fn programs() -> Result<PathBuf> {
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let installed = std::fs::read_dir("/usr/lib/postgresql")
        .map(|folders| folders.flatten().map(|folder| folder.path()).collect::<Vec<_>>())
        .unwrap_or_default();
    let newest = installed.into_iter().filter(|path| path.join("bin/initdb").is_file()).max_by_key(version);
    let newest =
        newest.context("PostgreSQL is not installed; `cargo xtask test` does it, or `apt-get install postgresql`")?;
    Ok(newest.join("bin"))
}

/// A program that is not run as root, and does not outlive this process.
fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if is_root().unwrap_or(false) {
        command.args(["--reuid", SYSTEM_USER, "--regid", SYSTEM_USER, "--clear-groups"]);
    }
    command.arg("--").arg(program).current_dir("/");
    command
}

fn is_root() -> Result<bool> {
    let output = Command::new("id").arg("-u").output()?;
    Ok(output.stdout.trim_ascii() == b"0")
}
