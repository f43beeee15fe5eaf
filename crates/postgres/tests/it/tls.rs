//! What each mode of TLS protects from.

use std::path::Path;
use std::process::Command;

use strongroom_postgres::{Database, Error};
use strongroom_testbed::Postgres;

/// A key with a certificate for `localhost` that vouches for itself.
fn certificate(folder: &Path, name: &str) -> (String, String) {
    let [key, file] = ["key", "pem"].map(|end| folder.join(format!("{name}.{end}")).to_str().unwrap().to_owned());
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", &key, "-out", &file])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (std::fs::read_to_string(key).unwrap(), file)
}

#[tokio::test]
async fn a_connection_is_protected_as_far_as_its_mode_says() {
    let folder = tempfile::tempdir().unwrap();
    let (key, trusted) = certificate(folder.path(), "server");
    let (_, other) = certificate(folder.path(), "other");
    let mut server = Postgres::start(&std::env::temp_dir(), &[]).unwrap();
    server.protect(&key, &std::fs::read_to_string(&trusted).unwrap()).unwrap();
    let here = server.url();
    let by_name = here.replace("127.0.0.1", "localhost");
    let is_protected = async |url: String| {
        let database = Database::open(url.parse().unwrap(), 2, &[]).await?;
        let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        database.read_one(|tx| Ok::<bool, Error>(tx.query(sql, &[])?[0].get(0))).await
    };
    assert!(!is_protected(format!("{here}?sslmode=disable")).await.unwrap());
    for mode in ["prefer", "require"] {
        assert!(is_protected(format!("{here}?sslmode={mode}")).await.unwrap(), "{mode}");
    }
    let verified = |url: &str, root: &str| format!("{url}?sslmode=verify-full&sslrootcert={root}");
    assert!(is_protected(verified(&by_name, &trusted)).await.unwrap());
    for (url, root) in [(&by_name, &other), (&here, &trusted)] {
        let refused = is_protected(verified(url, root)).await.unwrap_err();
        assert!(matches!(refused, Error::Unreachable { .. }), "{refused}");
    }
    let refused = is_protected(format!("{by_name}?sslmode=verify-full")).await.unwrap_err();
    assert!(matches!(refused, Error::Unreachable { .. } | Error::Certificates(_)), "{refused}");
    let refused = is_protected(verified(&by_name, "/no/such/file")).await.unwrap_err();
    assert!(matches!(refused, Error::Certificates(_)), "{refused}");
}
