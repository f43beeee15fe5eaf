//! SeaweedFS: master, volume server, filer and S3 gateway in one process.

use std::path::Path;

use anyhow::Result;
use serde_json::json;

use super::daemon::{Daemon, answers, free_ports};
use super::{ADMIN, WRITER, secret};

/// Starts it in a folder; the S3 port and the process.
pub(super) fn start(program: &Path, folder: &Path) -> Result<(u16, Vec<Daemon>)> {
    let identity = |name: &str, actions: &[&str]| {
        json!({
            "name": name,
            "credentials": [{ "accessKey": name, "secretKey": secret(name) }],
            "actions": actions,
        })
    };
    let identities = json!({ "identities": [identity(ADMIN, &["Admin", "Read", "List", "Write", "Tagging"]), identity(WRITER, &["Write"])] });
    let identities_file = folder.join("identities.json");
    std::fs::write(&identities_file, identities.to_string())?;

    // Each service has a second port, which would otherwise be the first and 10,000.
    let ports = free_ports::<8>()?;
    let names = ["master", "volume", "filer", "s3"];
    let mut arguments = vec!["server".to_owned(), "-filer".to_owned(), "-s3".to_owned()];
    for (name, pair) in names.iter().zip(ports.chunks_exact(2)) {
        arguments.push(format!("-{name}.port={}", pair[0]));
        arguments.push(format!("-{name}.port.grpc={}", pair[1]));
    }
    arguments.push(format!("-dir={}", folder.display()));
    arguments.push(format!("-s3.config={}", identities_file.display()));
    arguments.extend(
        [
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-s3.domainName=s3.localhost",
            "-s3.autoCreateBucket=false",
            "-s3.allowDeleteBucketNotEmpty=false",
            // Users and their policies are made through the API of IAM, which answers at the same port.
            "-s3.iam.readOnly=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-master.volumeSizeLimitMB=256",
            "-volume.max=10000",
        ]
        .map(str::to_owned),
    );
    // Each bucket begins with one volume instead of several: every test has buckets of its own.
    std::fs::write(folder.join("master.toml"), "[master.volume_growth]\ncopy_1 = 1\n")?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut daemon = Daemon::start(program, &arguments, folder)?;
    let port = ports[6];
    // Who has no key is refused, and that is an answer of the gateway itself.
    daemon.until("its S3 gateway answers", || answers(port, &["403"]))?;
    Ok((port, vec![daemon]))
}
