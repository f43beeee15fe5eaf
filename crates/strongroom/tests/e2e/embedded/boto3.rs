//! The embedded store seen by boto3, with the keys that `strongroom store keys` prints.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::app::App;

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the test is told by the environment which Python has boto3")]
async fn boto3_uses_the_store_as_each_identity_may() {
    let python = std::env::var("STRONGROOM_TEST_PYTHON").expect(
        "STRONGROOM_TEST_PYTHON must name a Python that has boto3: `cargo xtask test` makes one, or run \
         `python3 -m venv V && V/bin/pip install boto3` and set it to V/bin/python",
    );
    let app = App::start("[spaces.files]\n");
    let keys = app.command_json(&["store", "keys", "--json"]).to_string();
    let mut child = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/boto3_client.py"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(keys.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.ends_with("all of it holds\n"),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
