//! The commands of `docs/presigning.md` run as they stand there, and print what stands there.

use std::os::unix::fs::symlink;

use crate::sign::KEY;
use crate::signing::Signing;

const DOCUMENT: &str = include_str!("../../../../../docs/presigning.md");

/// The blocks of a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let open = format!("```{language}\n");
    DOCUMENT.split(&*open).skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect()
}

#[test]
fn every_command_of_the_document_works() {
    let signing = Signing::example();
    signing.file("cat.jpg", "miaow");
    signing.file("key.pem", KEY);
    symlink(env!("CARGO_BIN_EXE_strongroom"), signing.folder.path().join("strongroom")).unwrap();
    let in_shell = |line: &str| signing.own_shell(&format!("PATH=.:$PATH; {line}"));
    let lines: Vec<&str> =
        blocks("sh").into_iter().flat_map(str::lines).filter(|line| line.starts_with("strongroom ")).collect();
    assert!(lines.len() > 15, "{lines:?}");
    for line in lines {
        let said = in_shell(line);
        if line.starts_with("strongroom explain") {
            assert_eq!((said.code, said.out.trim_end()), (Some(1), blocks("text")[0]), "{line}: {}", said.err);
        } else {
            assert_eq!(said.code, Some(0), "{line}: {}", said.err);
            assert!(!said.out.is_empty(), "{line}");
        }
    }
}
