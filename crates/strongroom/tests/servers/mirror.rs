//! The whole way of a mirror between real servers of two makers: filled, read from while the first is away, and moved to.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;

use serde_json::Value;
use strongroom_testbed::{Fault, Proxy};
use tempfile::TempDir;

use crate::place::{self, Kind, Place, strongroom};
use crate::users::{Keys, install};

/// How long the servers and the service may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

const SPACE: &str = "[spaces.photos]\ndeleted_retention = \"0s\"\norigins = [\"https://app.example.com\"]\n";

/// A server, behind something that can take it away, and the keys of its users.
struct Store {
    place: Place,
    proxy: Proxy,
    keys: Keys,
}

impl Store {
    async fn at(place: Place) -> Self {
        let address = place.endpoint.trim_start_matches("http://").parse().unwrap();
        let mut keys = install(&place, "media/").await;
        // Some settings of a bucket are for its owner alone on Ceph 16, and on SeaweedFS.
        keys.insert("operator", ("admin".to_owned(), "admin-secret".to_owned()));
        Self { proxy: Proxy::start(address).unwrap(), place, keys }
    }

    fn endpoint(&self) -> String {
        format!("http://{}", self.proxy.address())
    }

    fn section(&self, name: &str) -> String {
        let provider = match self.place.kind {
            Kind::SeaweedFs => "seaweedfs",
            Kind::Ceph => "ceph",
        };
        let mut text = format!(
            "[{name}]\nbucket = \"{}\"\nendpoint = \"{}\"\nprovider = \"{provider}\"\nlocation = \"media\"\n",
            self.place.bucket,
            self.endpoint()
        );
        for (identity, (key, secret)) in &self.keys {
            if name == "storage" || *identity != "writer" {
                write!(text, "[{name}.{identity}]\naccess_key_id = \"{key}\"\nsecret_access_key = \"{secret}\"\n")
                    .unwrap();
            }
        }
        text
    }
}

/// A service and the commands on its data; it ends with this.
struct Installation {
    folder: TempDir,
    http: reqwest::Client,
    running: Option<(Child, BufReader<ChildStdout>)>,
    api: String,
    token: String,
}

impl Installation {
    fn new(configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let installation = Self { folder, http, running: None, api: String::new(), token: String::new() };
        installation.configure(configuration);
        installation
    }

    fn configure(&self, text: &str) {
        std::fs::write(self.folder.path().join("strongroom.toml"), text).unwrap();
    }

    fn program(&self, words: &[&str]) -> std::process::Command {
        let mut command = strongroom(words);
        command.arg("--json").arg("--config").arg(self.folder.path().join("strongroom.toml"));
        command.arg("--data").arg(self.folder.path().join("data"));
        command
    }

    /// Runs a command that has to succeed; the last line that it printed.
    #[track_caller]
    fn run(&self, words: &[&str]) -> Value {
        let output = self.program(words).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{words:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(said.lines().last().unwrap()).unwrap()
    }

    fn start(&mut self) {
        let mut command = self.program(&["serve", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        self.running = Some((child, output));
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("it did not start: {line:?}"));
        self.api = ready["api"].as_str().unwrap().to_owned();
        self.token = ready["token"].as_str().unwrap().to_owned();
    }

    fn stop(&mut self) {
        if let Some((mut child, _)) = self.running.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    async fn ask(&self, path: &str) -> Value {
        let response = self.http.get(format!("{}{path}", self.api)).bearer_auth(&self.token).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
    }

    /// Hands a file in; its id.
    async fn hand_in(&self, content: &[u8]) -> String {
        let request = self.http.post(format!("{}/v1/spaces/photos/objects?name=a.txt", self.api));
        let request = request.bearer_auth(&self.token).header("content-type", "text/plain").body(content.to_vec());
        let response = request.send().await.unwrap();
        let (status, body) = (response.status(), response.text().await.unwrap());
        assert_eq!(status, 201, "{body}");
        let made: Value = serde_json::from_str(&body).unwrap();
        made["id"].as_str().unwrap().to_owned()
    }

    /// The link of each object leads to this storage, and to its content.
    async fn leads_to(&self, store: &Store, made: &[(String, Vec<u8>)]) {
        for (id, content) in made {
            let object = self.ask(&format!("/v1/objects/{id}")).await;
            let url = object["link"]["url"].as_str().unwrap();
            assert!(url.starts_with(&store.endpoint()), "{url}");
            let got = self.http.get(url).send().await.unwrap();
            assert_eq!((got.status().as_u16(), got.headers()["content-type"].to_str().unwrap()), (200, "text/plain"));
            assert!(got.bytes().await.unwrap() == content.as_slice(), "{url} has another content");
        }
    }

    /// Waits until what the status says of the mirror is so.
    async fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) {
        let begun = tokio::time::Instant::now();
        loop {
            let mirror = self.ask("/v1/status").await["mirror"].clone();
            if is_so(&mirror) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "waiting for {what}: {mirror}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn caught_up(&self) {
        self.until("the mirror to catch up", |mirror| mirror["pending"] == 0).await;
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Short ones, and one that is copied in parts.
fn contents() -> Vec<Vec<u8>> {
    let short = (0..5).map(|number| format!("the content of number {number}").into_bytes());
    short.chain([b"as long as it takes ".repeat(900_000)]).collect()
}

pub(crate) async fn everything_is_mirrored_served_while_the_first_is_away_and_moved(place: &Place) {
    let (first, second) = match place.kind {
        Kind::SeaweedFs => (place::seaweedfs().await, place::ceph().await),
        Kind::Ceph => (place::ceph().await, place::seaweedfs().await),
    };
    let (first, second) = (Store::at(first).await, Store::at(second).await);
    let sections = [first.section("storage"), second.section("storage.mirror"), SPACE.to_owned()].concat();
    let mut installation = Installation::new(&sections);
    installation.run(&["provision", "--apply"]);
    installation.start();
    installation.caught_up().await;
    let health = installation.run(&["doctor"]);
    let checks = health["checks"].as_array().unwrap();
    let wrong: Vec<_> = checks.iter().filter(|check| check["verdict"] != "good").collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let of_mirror = checks.iter().filter(|check| check["what"].as_str().unwrap().starts_with("mirror: "));
    assert!(of_mirror.count() >= 9, "{health:#}");

    let mut made = Vec::new();
    for content in contents() {
        made.push((installation.hand_in(&content).await, content));
    }
    installation.caught_up().await;
    installation.leads_to(&first, &made).await;
    first.proxy.set(Fault::Reset);
    installation.until("the mirror to stand in", |mirror| mirror["stands_in"] == true).await;
    installation.leads_to(&second, &made).await;
    first.proxy.heal();
    installation.until("the first to be back", |mirror| mirror["stands_in"] == false).await;
    installation.leads_to(&first, &made).await;
    let last = installation.run(&["verify", "--contents"]);
    assert_eq!((&last["storage"], &last["read"]), (&"mirror".into(), &made.len().into()), "{last}");

    // What came last is moved by the command alone, and then the two change places.
    installation.stop();
    let moved = installation.run(&["migrate", "storage", "--contents"]);
    assert_eq!((&moved["whole"], &moved["read"]), (&true.into(), &made.len().into()), "{moved}");
    let swapped = [second.section("storage"), first.section("storage.mirror"), SPACE.to_owned()].concat();
    installation.configure(&swapped);
    installation.start();
    let content = b"handed in after the move".to_vec();
    made.push((installation.hand_in(&content).await, content));
    installation.caught_up().await;
    installation.leads_to(&second, &made).await;
    let last = installation.run(&["verify", "--contents"]);
    assert_eq!((&last["storage"], &last["read"]), (&"mirror".into(), &made.len().into()), "{last}");
}
