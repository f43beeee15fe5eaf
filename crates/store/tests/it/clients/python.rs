//! The packages for Python, each used by a script beside this file: MinIO's client, s3fs and django-storages.

use super::{KEYS, Place, keys, large, python_with};
use crate::server::BUCKET;

/// Runs a script, which says so when it comes to its end.
async fn holds(script: &str, package: &str, variable: &str) {
    let place = Place::start().await;
    std::fs::write(place.path("large"), large().0).unwrap();
    let (access_key, secret_key) = keys();
    let told = serde_json::json!({
        "endpoint": place.endpoint(),
        "region": "us-east-1",
        "bucket": BUCKET,
        "access_key": access_key,
        "secret_key": secret_key,
        "keys": KEYS,
        "folder": place.folder.path(),
    });
    std::fs::write(place.path("place.json"), told.to_string()).unwrap();
    let mut command = place.program(&python_with(package, variable));
    command.arg(format!("{}/tests/it/clients/{script}.py", env!("CARGO_MANIFEST_DIR")));
    command.arg(place.path("place.json"));
    // What Python would keep of the scripts belongs into no checkout.
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("AWS_EC2_METADATA_DISABLED", "true");
    let said = place.run(command).await;
    assert!(said.ends_with("all of it holds\n"), "{said}");
}

#[tokio::test]
async fn minio_py_uploads_lists_copies_links_and_deletes() {
    holds("minio_py", "minio", "STRONGROOM_TEST_PYTHON").await;
}

#[tokio::test]
async fn s3fs_uploads_lists_copies_links_and_deletes() {
    holds("through_s3fs", "s3fs", "STRONGROOM_TEST_S3FS").await;
}

#[tokio::test]
async fn django_storages_uploads_lists_copies_links_and_deletes() {
    holds("django_storages", "django-storages", "STRONGROOM_TEST_PYTHON").await;
}
