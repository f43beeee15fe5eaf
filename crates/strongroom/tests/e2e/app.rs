//! Starts the built service with a data folder of its own, ends it in every way, and starts it again.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use strongroom_testbed::fresh_schema;
use tempfile::TempDir;

use crate::caller::Caller;
use crate::database::Database;
use crate::elsewhere::Bucket;
use crate::tokens;

/// The administrator's token where several nodes have to have the same.
const NODES_TOKEN: &str = "sr_admin_of_all_nodes_of_the_end_to_end_tests";

/// A running service.
#[derive(Debug)]
pub(crate) struct App {
    running: Option<Running>,
    ready: Value,
    folder: TempDir,
    arguments: Vec<String>,
    /// What the service finds in its environment.
    environment: Vec<(String, String)>,
    embedded: bool,
    /// A bucket in the store that the whole suite is told to use; the embedded store when there is none.
    elsewhere: Option<Bucket>,
    /// A PostgreSQL for the service; it uses a file in its data folder when there is none.
    postgres: Option<String>,
    /// Whatever else it is told by its environment.
    variables: Vec<(&'static str, &'static str)>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    // Kept open, so that whatever the service still prints has somewhere to go.
    _stdout: BufReader<ChildStdout>,
}

impl App {
    /// Starts with the given configuration; the signing secret and generous limits are added.
    pub(crate) fn start(spaces: &str) -> Self {
        Self::start_with(spaces, &[])
    }

    /// Starts with its embedded store, whatever the others use.
    pub(crate) fn start_embedded(spaces: &str) -> Self {
        let mut app = Self::prepare(&format!("{}\n{spaces}", tokens::configuration()), &[]);
        app.run();
        app
    }

    /// The same on this database, or on the file in its data folder.
    pub(crate) fn start_embedded_on(database: Option<&str>, spaces: &str) -> Self {
        let mut app = Self::prepare(&format!("{}\n{spaces}", tokens::configuration()), &[]);
        app.use_database(database);
        app.run();
        app
    }

    /// Starts with further arguments.
    pub(crate) fn start_with(spaces: &str, arguments: &[&str]) -> Self {
        Self::start_bare(&format!("{}\n{spaces}", tokens::configuration()), arguments)
    }

    /// Starts with exactly this configuration.
    pub(crate) fn start_bare(configuration: &str, arguments: &[&str]) -> Self {
        let mut app = Self::prepare_elsewhere(configuration, arguments);
        app.run();
        app
    }

    /// In the store that the whole suite is told to use, if there is one.
    fn prepare_elsewhere(configuration: &str, arguments: &[&str]) -> Self {
        let mut app = Self::prepare(configuration, arguments);
        app.elsewhere = Bucket::of_its_own(&name_of(&app.folder));
        app.embedded = app.elsewhere.is_none();
        app.entitle();
        app
    }

    /// The identities get the rights that the configuration has them need.
    fn entitle(&self) {
        if let Some(bucket) = &self.elsewhere {
            bucket.entitle(&self.configuration(), &self.data());
        }
    }

    fn prepare(configuration: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder can be written");
        std::fs::write(folder.path().join("strongroom.toml"), configuration).expect("the folder was just made");
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let postgres = schema_of_its_own(&folder);
        Self {
            running: None,
            ready: Value::Null,
            folder,
            arguments,
            environment: Vec::new(),
            embedded: true,
            elsewhere: None,
            postgres,
            variables: Vec::new(),
        }
    }

    /// Starts on this database, whatever the others use.
    pub(crate) fn start_on(database: Option<&str>, spaces: &str) -> Self {
        let mut app = Self::prepare_elsewhere(&format!("{}\n{spaces}", tokens::configuration()), &[]);
        app.use_database(database);
        app.run();
        app
    }

    /// Starts as one of several nodes that share a database and a bucket. They share the administrator's token, too.
    pub(crate) fn start_node(database: &str, bucket: &Bucket, configuration: &str) -> Self {
        let mut app = Self::prepare(&format!("{}\n{configuration}", tokens::configuration()), &[]);
        (app.embedded, app.elsewhere) = (false, Some(bucket.clone()));
        app.variables = vec![
            ("STRONGROOM__AUTH__ADMIN_TOKEN", NODES_TOKEN),
            // Time enough for whoever stands in front of them to notice, also on a busy machine.
            ("STRONGROOM__SERVER__DRAIN", "3s"),
        ];
        app.use_database(Some(database));
        app.run();
        app
    }

    /// From the next start on uses this database: a PostgreSQL, or the file in the data folder.
    pub(crate) fn use_database(&mut self, database: Option<&str>) {
        self.postgres = database.map(str::to_owned);
    }

    /// Starts with a bucket of another store, so that there is no embedded one to listen.
    pub(crate) fn start_external(configuration: &str) -> Self {
        let mut app = Self::prepare(configuration, &[]);
        app.embedded = false;
        app.run();
        app
    }

    /// From the next start on has this configuration, and the rights that it needs; the signing secret and generous limits
    /// are added.
    pub(crate) fn reconfigure(&self, spaces: &str) {
        let configuration = format!("{}\n{spaces}", tokens::configuration());
        std::fs::write(self.configuration(), configuration).expect("the folder is ours");
        self.entitle();
    }

    /// Starts with a bucket of another store, in this environment.
    pub(crate) fn start_external_in(configuration: &str, environment: &[(&str, &str)]) -> Self {
        let mut app = Self::prepare(configuration, &[]);
        app.embedded = false;
        app.environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        app.run();
        app
    }

    /// Starts the service again on the same data after it was ended.
    pub(crate) fn run(&mut self) {
        let store: &[&str] = if self.embedded { &["--store-listen", "127.0.0.1:0"] } else { &[] };
        let mut child = self
            .program(&["serve", "--json", "--listen", "127.0.0.1:0"])
            .args(store)
            .args(&self.arguments)
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(self.log_file()).expect("the folder is ours"))
            .spawn()
            .expect("the built program starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("the output was asked for as a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the output is text");
        self.running = Some(Running { child, _stdout: stdout });
        self.ready = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("the service did not start; it said {line:?} and logged:\n{}", self.log()));
    }

    /// Ends the service as a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.child.kill().expect("a child of ours can be ended");
            running.child.wait().expect("a child of ours can be waited for");
        }
    }

    /// Asks the service to end.
    pub(crate) fn terminate(&self) {
        let running = self.running.as_ref().expect("the service runs");
        kill_process(Pid::from_child(&running.child), Signal::TERM).expect("a child of ours can be signalled");
    }

    /// Waits for the end of the service; true when it ended well.
    pub(crate) fn wait(&mut self) -> bool {
        let mut running = self.running.take().expect("the service runs");
        running.child.wait().expect("a child of ours can be waited for").success()
    }

    /// The origin of the API, without a slash at its end.
    pub(crate) fn api(&self) -> &str {
        self.field("api").trim_end_matches('/')
    }

    /// The endpoint of the store, without a slash at its end.
    pub(crate) fn store(&self) -> &str {
        self.field("store").trim_end_matches('/')
    }

    /// The bucket in it.
    pub(crate) fn bucket(&self) -> &str {
        self.elsewhere.as_ref().map_or("strongroom", Bucket::name)
    }

    /// Whether the store is the embedded one, with its folder among the data.
    pub(crate) fn is_embedded(&self) -> bool {
        self.embedded
    }

    /// Whether the store is that of this provider.
    pub(crate) fn is_on(&self, provider: &str) -> bool {
        self.elsewhere.as_ref().is_some_and(|bucket| bucket.provider() == provider)
    }

    /// A new key of the embedded store that may do everything.
    pub(crate) fn new_overseer(&self) -> Value {
        self.command_json(&[
            "store", "keys", "create", "--name", "overseer", "--bucket", "*", "--allow", "all", "--json",
        ])
    }

    /// The status with which the store refuses what is signed wrongly, or no longer, and forms that are not as was said.
    pub(crate) fn refusal(&self) -> u16 {
        if self.is_on("garage") { 400 } else { 403 }
    }

    /// The keys of the four identities and where they are used, as `strongroom store keys` tells them of the embedded
    /// store.
    pub(crate) fn keys(&self) -> Value {
        match &self.elsewhere {
            Some(bucket) => bucket.keys(),
            None => self.command_json(&["store", "keys", "--json"]),
        }
    }

    /// One of the values that the service prints when it is ready.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.ready))
    }

    /// The administrator, with the generated token, or that of all nodes.
    pub(crate) fn admin(&self) -> Caller {
        Caller::new(self.api(), Some(self.ready["token"].as_str().unwrap_or(NODES_TOKEN)))
    }

    /// Somebody without a token.
    pub(crate) fn anonymous(&self) -> Caller {
        Caller::new(self.api(), None)
    }

    /// Somebody whom the application knows by this subject.
    pub(crate) fn user(&self, subject: &str) -> Caller {
        Caller::new(self.api(), Some(&tokens::mint(subject, &[])))
    }

    /// Somebody with roles.
    pub(crate) fn user_with_roles(&self, subject: &str, roles: &[&str]) -> Caller {
        Caller::new(self.api(), Some(&tokens::mint(subject, roles)))
    }

    /// Somebody with whatever stands behind `Bearer`.
    pub(crate) fn bearer(&self, token: &str) -> Caller {
        Caller::new(self.api(), Some(token))
    }

    /// Runs another command on the same configuration and data.
    pub(crate) fn command(&self, words: &[&str]) -> Output {
        self.program(words).output().expect("the built program starts")
    }

    /// Begins a command that somebody may end.
    pub(crate) fn begin(&self, words: &[&str]) -> Child {
        let log = File::options().create(true).append(true).open(self.log_file()).expect("the folder is ours");
        self.program(words).stdout(Stdio::null()).stderr(log).spawn().expect("the built program starts")
    }

    /// From the next start on has the store that its configuration names.
    pub(crate) fn use_other_store(&mut self) {
        self.embedded = false;
    }

    /// Runs a command that has to succeed, and reads the JSON that it prints.
    pub(crate) fn command_json(&self, words: &[&str]) -> Value {
        let output = self.command(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{words:?} printed {}", String::from_utf8_lossy(&output.stdout)))
    }

    /// What the service wrote to its log since the first start.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The service's database, looked at beside it.
    pub(crate) fn database(&self) -> Database {
        match &self.postgres {
            Some(url) => Database::Postgres(url.clone()),
            None => Database::Sqlite(self.data().join("strongroom.sqlite")),
        }
    }

    /// The process of the service.
    pub(crate) fn process(&self) -> u32 {
        self.running.as_ref().expect("the service runs").child.id()
    }

    /// How many files and connections the service has open.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.process())).expect("Linux tells it").count()
    }

    /// Resident memory of the service in MiB.
    pub(crate) fn resident_mib(&self) -> u64 {
        self.memory_mib("VmRSS:")
    }

    /// The most that it ever was.
    pub(crate) fn peak_mib(&self) -> u64 {
        self.memory_mib("VmHWM:")
    }

    fn memory_mib(&self, what: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process())).expect("Linux tells it");
        let line = status.lines().find_map(|line| line.strip_prefix(what)).expect("Linux tells it");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("it is a number") / 1024
    }

    fn program(&self, words: &[&str]) -> Command {
        let mut command = program(words, &self.configuration(), &self.data());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.envs(self.postgres.iter().map(|url| ("STRONGROOM__DATABASE__URL", url)));
        command.envs(self.variables.iter().copied());
        command.envs(self.elsewhere.iter().flat_map(Bucket::variables));
        command
    }

    fn configuration(&self) -> PathBuf {
        self.folder.path().join("strongroom.toml")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

/// In the PostgreSQL that the whole suite is told to use, if it is.
#[expect(clippy::disallowed_methods, reason = "the suite is told by the environment on which database it runs")]
fn schema_of_its_own(folder: &TempDir) -> Option<String> {
    let server = std::env::var("STRONGROOM_TEST_POSTGRES").ok()?;
    Some(fresh_schema(&server, &format!("app_{}", name_of(folder))).expect("PostgreSQL answers"))
}

/// A name that is nobody else's, in hex, because schemas and buckets do not tell capitals apart.
pub(crate) fn name_of(folder: &TempDir) -> String {
    base16ct::lower::encode_string(folder.path().file_name().expect("a temporary folder has a name").as_encoded_bytes())
}

/// The built program, untouched by whatever the environment of the tests holds.
pub(crate) fn program(words: &[&str], configuration: &Path, data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.args(words).arg("--config").arg(configuration).arg("--data").arg(data).env_clear().stdin(Stdio::null());
    command
}

impl Drop for App {
    fn drop(&mut self) {
        self.kill();
        let log = self.log();
        if std::thread::panicking() {
            eprintln!("--- the log of the service\n{log}");
        } else {
            // Whatever a test is about: nothing that it did may have made the service panic.
            assert!(!log.contains("panicked at"), "the service panicked:\n{log}");
        }
    }
}
