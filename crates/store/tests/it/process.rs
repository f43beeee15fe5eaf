//! The store as a process of its own, which can be killed and put on a disk that is too small.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};

use crate::server::secret;

/// A store that runs by itself. Dropped, it is killed.
pub(crate) struct Process {
    child: Child,
    address: String,
}

impl Process {
    /// Starts the store on a folder. `wrap` is a command that starts it in surroundings of its own.
    pub(crate) fn start(wrap: &[&str], folder: &Path, min_free: u64) -> Self {
        let program = program();
        let mut words: Vec<&str> = wrap.to_vec();
        words.push(program.to_str().expect("a path in UTF-8"));
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .arg(folder)
            .args(["0", &min_free.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the store starts");
        let mut said = BufReader::new(child.stdout.take().expect("its output was asked for"));
        let mut line = String::new();
        said.read_line(&mut line).expect("it says where it listens");
        let address =
            line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("it said {line:?}")).to_owned();
        // It must never wait for a reader of what else it says.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Self { child, address }
    }

    /// Ends it as a loss of power would end its process: at once, in the middle of whatever it does.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The AWS SDK with all rights.
    pub(crate) fn client(&self) -> Client {
        self.client_of("admin")
    }

    /// The AWS SDK with an access key. What a kill cuts off fails at once and is not tried again.
    pub(crate) fn client_of(&self, access_key: &str) -> Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(&self.address)
            .force_path_style(true)
            .credentials_provider(Credentials::new(access_key, secret(access_key), None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(aws_sdk_s3::config::StalledStreamProtectionConfig::disabled())
            .retry_config(RetryConfig::disabled())
            .build();
        Client::from_conf(config)
    }

    fn end(&mut self) {
        // It may have ended by itself, which its clients notice.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// The example that serves a folder, built as it stands now: a test that is run alone does not build it.
fn program() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let built = Command::new(env!("CARGO"))
                .args(["build", "--locked", "--quiet", "--package", "strongroom-store", "--example", "serve"])
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .status()
                .expect("cargo runs");
            assert!(built.success(), "the example does not build");
            let test = std::env::current_exe().expect("a test has a path");
            let profile = test.parent().and_then(Path::parent).expect("tests lie in a folder of their profile");
            profile.join("examples/serve")
        })
        .clone()
}
