//! The S3 clients that people have, each used for what it is used for: upload, list, copy, parts, links, delete.
//! `cargo xtask test` installs those that are programs or packages for Python, and says where they are.

mod aws_cli;
mod object_store;
mod opendal;
mod python;
mod rclone;
mod s3cmd;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::objects::bytes;
use crate::server::{BUCKET, Server, secret};
use crate::wire::send;

/// What trips those who encode, decode or tidy up keys. The last is no path of a file, so what works on folders cannot
/// send it.
const KEYS: [&str; 11] = [
    "plain.txt",
    "a/b.txt",
    "a/b c/d",
    "with  spaces .txt",
    "plus+and+plus",
    "per%cent%20and%2Fno slash",
    "amp&eq=semi;q?hash#.txt",
    "quote'\".<txt>",
    "ünïcode/日本語 🗝️",
    "e\u{301}",
    "a//c.txt",
];

/// The length of a part, to which every client is held, and of what goes in two of them.
const PART: usize = 5 << 20;
const LARGE: usize = PART + 4_321;

/// Some bytes, which nobody wants to read in a report.
#[derive(Clone, PartialEq, Eq)]
struct Content(Vec<u8>);

impl fmt::Debug for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = self;
        write!(formatter, "{} bytes from {:?}", bytes.len(), String::from_utf8_lossy(&bytes[..bytes.len().min(40)]))
    }
}

/// Contents by their keys or by their paths.
type Contents = BTreeMap<String, Content>;

/// A store, and a folder in which a client may work.
struct Place {
    server: Server,
    folder: TempDir,
}

impl Place {
    /// A store that has something under every key below `given/`.
    async fn start() -> Self {
        Self::start_with(false).await
    }

    /// The same, taking signatures of version 2 or not.
    async fn start_with(signature_version_2: bool) -> Self {
        let server = Server::start_with(|options| options.signature_version_2 = signature_version_2).await;
        for (key, content) in below("given/", &small()) {
            server.admin().put_object().bucket(BUCKET).key(key).body(content.0.into()).send().await.unwrap();
        }
        Self { server, folder: tempfile::tempdir().unwrap() }
    }

    fn endpoint(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// A path in the folder.
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes files below a folder of that name, one of them large, and tells which.
    fn files(&self, name: &str) -> Contents {
        let mut files = small();
        files.retain(|key, _| !key.contains("//"));
        files.insert("large".to_owned(), large());
        for (key, content) in &files {
            let path = self.path(name).join(key);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, &content.0).unwrap();
        }
        files
    }

    /// The files below a folder of that name.
    fn found(&self, name: &str) -> Contents {
        let mut found = Contents::new();
        gather(&self.path(name), "", &mut found);
        found
    }

    /// What the store has below a prefix, by the rest of each key.
    async fn stored(&self, prefix: &str) -> Contents {
        let client = self.server.admin();
        let listed = client.list_objects_v2().bucket(BUCKET).prefix(prefix).send().await.unwrap();
        let mut stored = Contents::new();
        for key in listed.contents().iter().filter_map(|row| row.key()) {
            let got = client.get_object().bucket(BUCKET).key(key).send().await.unwrap();
            let content = Content(got.body.collect().await.unwrap().to_vec());
            stored.insert(key[prefix.len()..].to_owned(), content);
        }
        stored
    }

    /// In how many parts an object came, as its entity tag tells.
    async fn parts(&self, key: &str) -> usize {
        let head = self.server.admin().head_object().bucket(BUCKET).key(key).send().await.unwrap();
        let tag = head.e_tag().unwrap().trim_matches('"');
        tag.split_once('-').map_or(1, |(_, count)| count.parse().unwrap())
    }

    /// What the store kept with an object under this name.
    async fn metadata(&self, key: &str, name: &str) -> Option<String> {
        let head = self.server.admin().head_object().bucket(BUCKET).key(key).send().await.unwrap();
        head.metadata().and_then(|metadata| metadata.get(name).cloned())
    }

    /// What a link gives to a program that knows nothing of S3.
    async fn given_by(&self, link: &str) -> Content {
        let answer = send(&self.server, "GET", link, &[], "").await;
        assert_eq!(answer.status.as_u16(), 200, "{link}: {}", answer.text());
        Content(answer.body.to_vec())
    }

    /// Hands something in by a link.
    async fn put_by(&self, link: &str, content: &Content) {
        let answer = send(&self.server, "PUT", link, &[], content.0.clone()).await;
        assert_eq!(answer.status.as_u16(), 200, "{link}: {}", answer.text());
    }

    /// A program that knows nothing of who runs it.
    fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env_clear();
        command.env("PATH", variable("PATH")).env("HOME", self.folder.path()).env("LANG", "C.UTF-8");
        command
    }

    /// Runs it to its end, which has to be a good one; what it printed.
    async fn run(&self, mut command: Command) -> String {
        let words = format!("{command:?}");
        // The store runs on this thread.
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
        let output =
            output.unwrap_or_else(|error| panic!("{words}: {error}; `cargo xtask test` installs what is missing"));
        let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{words}\n{said}\n{complained}");
        said.into_owned()
    }
}

/// The access key with all rights, and its secret.
fn keys() -> (&'static str, String) {
    ("admin", secret("admin"))
}

/// Something for every key, which no other has.
fn small() -> Contents {
    KEYS.iter().map(|key| ((*key).to_owned(), Content(format!("this lies under {key}").into_bytes()))).collect()
}

fn large() -> Content {
    Content(bytes(LARGE, 11))
}

/// The same contents, with something before each key.
fn below(prefix: &str, contents: &Contents) -> Contents {
    contents.iter().map(|(key, content)| (format!("{prefix}{key}"), content.clone())).collect()
}

fn gather(folder: &Path, prefix: &str, found: &mut Contents) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let key = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            gather(&path, &format!("{key}/"), found);
        } else {
            found.insert(key, Content(std::fs::read(path).unwrap()));
        }
    }
}

/// The clients in Rust look for a cryptography to be there, though nothing here is encrypted.
fn with_tls() {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The Python that `cargo xtask test` made for one or more of the clients.
fn python_with(package: &str, name: &str) -> PathBuf {
    let python = variable(name);
    assert!(
        !python.is_empty(),
        "{name} must name a Python that has {package}: `cargo xtask test` makes one, or run \
         `python3 -m venv V && V/bin/pip install {package}` and set it to V/bin/python"
    );
    python.into()
}

/// A program that came with a package for Python.
fn python_program(package: &str) -> PathBuf {
    python_with(package, "STRONGROOM_TEST_PYTHON").with_file_name(package)
}

#[expect(clippy::disallowed_methods, reason = "the tests are told by the environment where the programs are")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}
