//! rclone, run as a program on folders of files.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use super::{Place, below, keys, small};

fn rclone(place: &Place, words: &[&str]) -> Command {
    let (access_key, secret) = keys();
    let mut command = place.program(Path::new("rclone"));
    command.args(["--s3-upload-cutoff", "5Mi", "--s3-chunk-size", "5Mi", "--s3-copy-cutoff", "5Mi"]).args(words);
    command.env("RCLONE_CONFIG", "/dev/null");
    for (name, value) in [
        ("TYPE", "s3"),
        ("PROVIDER", "Other"),
        ("REGION", "us-east-1"),
        ("ENDPOINT", &place.endpoint()),
        ("ACCESS_KEY_ID", access_key),
        ("SECRET_ACCESS_KEY", &secret),
    ] {
        command.env(format!("RCLONE_CONFIG_HERE_{name}"), value);
    }
    command
}

#[tokio::test]
async fn rclone_uploads_lists_copies_links_and_deletes() {
    let place = Place::start().await;
    let mut files = place.files("files");
    let run = async |words: &[&str]| place.run(rclone(&place, words)).await;

    run(&["mkdir", "here:by-rclone"]).await;
    assert!(run(&["lsd", "here:"]).await.contains(" by-rclone\n"));
    run(&["rmdir", "here:by-rclone"]).await;
    assert!(!run(&["lsd", "here:"]).await.contains("by-rclone"));

    run(&["copy", "--metadata", "--metadata-set", "who=Ada", "files", "here:files/in"]).await;
    assert_eq!(place.stored("in/").await, files);
    assert_eq!(place.parts("in/large").await, 2);
    for key in ["in/large", "in/plain.txt"] {
        assert_eq!(place.metadata(key, "who").await.as_deref(), Some("Ada"));
    }
    run(&["check", "files", "here:files/in"]).await;
    run(&["check", "--download", "files", "here:files/in"]).await;
    let mut stream = rclone(&place, &["rcat", "--streaming-upload-cutoff", "5Mi", "here:files/in/streamed"]);
    stream.stdin(File::open(place.path("files/large")).unwrap());
    place.run(stream).await;
    files.insert("streamed".to_owned(), files["large"].clone());
    assert_eq!(place.stored("in/").await, files);

    let listed = run(&["lsf", "--recursive", "--files-only", "here:files/in"]).await;
    let mut listed: Vec<&str> = listed.lines().collect();
    listed.sort_unstable();
    assert_eq!(listed, files.keys().collect::<Vec<_>>());

    run(&["copy", "--verbose", "--log-file", "log", "here:files/in", "here:files/out"]).await;
    assert_eq!(place.stored("out/").await, files);
    // Where a store does not copy, it reads and writes instead.
    let log = std::fs::read_to_string(place.path("log")).unwrap();
    assert_eq!(log.matches("Copied (server-side copy)").count(), files.len(), "{log}");
    assert_eq!(place.metadata("out/plain.txt", "who").await.as_deref(), Some("Ada"));
    run(&["moveto", "here:files/out/large", "here:files/out/a/moved"]).await;
    let content = files.remove("large").unwrap();
    files.insert("a/moved".to_owned(), content);
    run(&["copy", "here:files/out", "back"]).await;
    assert_eq!(place.found("back"), files);

    for (key, content) in &files {
        let link = run(&["link", "--expire", "5m", &format!("here:files/out/{key}")]).await;
        assert_eq!(place.given_by(link.trim()).await, *content, "{key}");
    }

    run(&["deletefile", "here:files/out/plain.txt"]).await;
    files.remove("plain.txt");
    assert_eq!(place.stored("out/").await, files);
    run(&["delete", "here:files/in"]).await;
    run(&["purge", "here:files/out"]).await;
    assert_eq!(place.stored("").await, below("given/", &small()));
}
