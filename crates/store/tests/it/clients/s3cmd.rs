//! s3cmd, run as a program on folders of files.

use super::{Content, Place, below, keys, python_program, small};

#[tokio::test]
async fn s3cmd_uploads_lists_copies_links_and_deletes() {
    // It signs its links by version 2, and knows no other.
    let place = Place::start_with(true).await;
    let files = place.files("files");
    let run = async |words: &[&str]| {
        let (access_key, secret) = keys();
        let mut command = place.program(&python_program("s3cmd"));
        command.args(["--no-ssl", "--no-progress", "--multipart-chunk-size-mb=5"]);
        command.arg(format!("--host={}", place.server.address)).arg(format!("--host-bucket={}", place.server.address));
        command.args(["--access_key", access_key, "--secret_key", &secret]);
        command.args(words);
        place.run(command).await
    };

    run(&["mb", "s3://by-s3cmd"]).await;
    assert!(run(&["ls"]).await.contains("s3://by-s3cmd\n"));
    run(&["rb", "s3://by-s3cmd"]).await;
    assert!(!run(&["ls"]).await.contains("s3://by-s3cmd"));

    run(&["put", "--recursive", "--add-header=x-amz-meta-who:Ada", "files/", "s3://files/in/"]).await;
    assert_eq!(place.stored("in/").await, files);
    assert_eq!(place.parts("in/large").await, 2);
    for key in ["in/large", "in/plain.txt"] {
        assert_eq!(place.metadata(key, "who").await.as_deref(), Some("Ada"));
        assert!(run(&["info", &format!("s3://files/{key}")]).await.contains("x-amz-meta-who: Ada"));
    }
    assert!(!run(&["sync", "files/", "s3://files/in/"]).await.contains("upload"), "everything is there already");

    let listed = run(&["ls", "--recursive", "s3://files/given/"]).await;
    for (key, Content(content)) in small() {
        let row = format!("{}  s3://files/given/{key}\n", content.len());
        assert!(listed.contains(&row), "{row} {listed}");
    }

    run(&["cp", "--recursive", "s3://files/given/", "s3://files/out/"]).await;
    run(&["cp", "s3://files/in/large", "s3://files/out/large"]).await;
    run(&["mv", "s3://files/out/a//c.txt", "s3://files/out/moved"]).await;
    let mut copied = small();
    let content = copied.remove("a//c.txt").unwrap();
    copied.extend([("moved".to_owned(), content), ("large".to_owned(), files["large"].clone())]);
    assert_eq!(place.stored("out/").await, copied);
    std::fs::create_dir(place.path("back")).unwrap();
    run(&["get", "--recursive", "s3://files/out/", "back/"]).await;
    assert_eq!(place.found("back"), copied);

    for (key, content) in small() {
        let link = run(&["signurl", &format!("s3://files/given/{key}"), "+300"]).await;
        assert_eq!(place.given_by(link.trim()).await, content, "{key}");
    }

    run(&["del", "--recursive", "s3://files/in/"]).await;
    run(&["del", "s3://files/given/a//c.txt"]).await;
    let mut left = below("given/", &small());
    left.remove("given/a//c.txt");
    left.extend(below("out/", &copied));
    assert_eq!(place.stored("").await, left);
}
