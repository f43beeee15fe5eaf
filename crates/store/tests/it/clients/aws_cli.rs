//! AWS's command line, run as a program on folders of files.

use std::fs::File;
use std::process::Command;

use super::{Content, Place, below, keys, large, python_program, small};

/// Without being told it signs requests by version 4, and links by version 2.
const CONFIGURATION: &str = "
[default]
region = us-east-1
s3 =
    signature_version = s3v4
    multipart_threshold = 5MB
    multipart_chunksize = 5MB
";

fn aws(place: &Place, words: &[&str]) -> Command {
    let (access_key, secret) = keys();
    let mut command = place.program(&python_program("aws"));
    command.args(words).env("AWS_CONFIG_FILE", place.path("configuration"));
    command.env("AWS_ACCESS_KEY_ID", access_key).env("AWS_SECRET_ACCESS_KEY", secret);
    command.env("AWS_ENDPOINT_URL", place.endpoint());
    command
}

#[tokio::test]
async fn aws_cli_uploads_lists_copies_links_and_deletes() {
    let place = Place::start().await;
    let files = place.files("files");
    std::fs::write(place.path("configuration"), CONFIGURATION).unwrap();
    let run = async |words: &[&str]| place.run(aws(&place, words)).await;

    run(&["s3", "cp", "--recursive", "--metadata", "who=Ada,was=here twice", "files", "s3://files/in/"]).await;
    assert_eq!(place.stored("in/").await, files);
    assert_eq!(place.parts("in/large").await, 2);
    for key in ["in/large", "in/plain.txt"] {
        assert_eq!(place.metadata(key, "was").await.as_deref(), Some("here twice"));
    }
    let mut stream = aws(&place, &["s3", "cp", "-", "s3://files/in/a//streamed"]);
    stream.stdin(File::open(place.path("files/large")).unwrap());
    place.run(stream).await;
    assert_eq!(place.stored("in/a//").await, [("streamed".to_owned(), large())].into());

    let listed = run(&["s3", "ls", "--recursive", "s3://files/given/"]).await;
    for (key, Content(content)) in small() {
        let row = format!("{} given/{key}\n", content.len());
        assert!(listed.contains(&row), "{row} {listed}");
    }
    let synced = run(&["s3", "sync", "--size-only", "--exclude", "a//*", "--delete", "files", "s3://files/in/"]).await;
    assert_eq!(synced, "", "everything is there already");

    run(&["s3", "cp", "--recursive", "s3://files/given/", "s3://files/out/"]).await;
    run(&["s3", "cp", "s3://files/in/large", "s3://files/out/large"]).await;
    let mut copied = small();
    copied.insert("large".to_owned(), large());
    assert_eq!(place.stored("out/").await, copied);
    run(&["s3", "mv", "s3://files/out/a//c.txt", "s3://files/out/moved"]).await;
    run(&["s3", "cp", "--recursive", "s3://files/out/", "back"]).await;
    let content = copied.remove("a//c.txt").unwrap();
    copied.insert("moved".to_owned(), content);
    assert_eq!(place.found("back"), copied);

    for key in ["a//c.txt", "amp&eq=semi;q?hash#.txt"] {
        let link = run(&["s3", "presign", "--expires-in", "300", &format!("s3://files/given/{key}")]).await;
        assert_eq!(place.given_by(link.trim()).await, small()[key], "{key}");
    }

    run(&["s3", "rm", "--recursive", "s3://files/in/"]).await;
    run(&["s3", "rm", "s3://files/given/a//c.txt"]).await;
    let mut left = below("given/", &small());
    left.remove("given/a//c.txt");
    left.extend(below("out/", &copied));
    assert_eq!(place.stored("").await, left);
}
