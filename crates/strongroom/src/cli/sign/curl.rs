//! Writes the curl line that uses what was signed, quoted for a POSIX shell.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use strongroom_presign::{Method, PostForm, Request};

use crate::cli::terminal::has_commands;

/// Where the body of a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Body {
    /// There is none.
    None,
    /// There is none in the answer either.
    HeadersOnly,
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
    /// This text.
    Text(String),
    /// One of these, in an answer to which the headers matter.
    AnsweredByHeaders(Box<Body>),
}

impl Body {
    /// The same, with the headers of the answer shown.
    pub(super) fn showing_headers(self) -> Self {
        Self::AnsweredByHeaders(Box::new(self))
    }
}

/// The line that sends a request.
pub(super) fn of_request(request: &Request<'_>, url: &str, body: &Body) -> anyhow::Result<String> {
    let mut words = vec!["curl".to_owned()];
    let body = match body {
        Body::AnsweredByHeaders(body) => {
            words.push("--include".to_owned());
            body
        }
        body => body,
    };
    let method = request.method();
    match body {
        Body::HeadersOnly => words.push("--head".to_owned()),
        Body::None if method == Method::Get => {}
        // With a file, curl means PUT by itself.
        Body::File(_) if method == Method::Put => {}
        _ => words.extend(["--request".to_owned(), method.as_str().to_owned()]),
    }
    let mut has_type = false;
    for (name, value) in request.headers() {
        has_type |= name.eq_ignore_ascii_case("content-type");
        // curl counts the body itself.
        if name.eq_ignore_ascii_case("content-length") {
            continue;
        }
        // The second form is how curl is told that a header is sent empty.
        let header = if value.trim().is_empty() { format!("{name};") } else { format!("{name}: {value}") };
        words.extend(["--header".to_owned(), header]);
    }
    match body {
        Body::File(file) => words.extend(["--upload-file".to_owned(), literal(file)?]),
        Body::Stdin | Body::Text(_) => {
            if !has_type {
                // Otherwise curl would call the body a form.
                words.extend(["--header".to_owned(), "content-type:".to_owned()]);
            }
            words.extend(match body {
                Body::Text(text) => ["--data-raw".to_owned(), text.clone()],
                _ => ["--data-binary".to_owned(), "@-".to_owned()],
            });
        }
        _ => {}
    }
    line(words, url)
}

/// The line that sends a form.
pub(super) fn of_form(form: &PostForm, file: Option<&Path>) -> anyhow::Result<String> {
    let mut words = vec!["curl".to_owned()];
    for (name, value) in &form.fields {
        words.extend(["--form-string".to_owned(), format!("{name}={value}")]);
    }
    let file = match file {
        // Quotes keep `;` and `,` in the name from ending it.
        Some(file) => format!("file=@\"{}\"", literal(file)?.replace('\\', "\\\\").replace('"', "\\\"")),
        None => "file=@-".to_owned(),
    };
    words.extend(["--form".to_owned(), file]);
    line(words, &form.url)
}

/// The line that asks for a URL with cookies.
pub(super) fn of_cookies(url: &str, cookies: &[(&str, String)]) -> anyhow::Result<String> {
    let cookies: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    line(vec!["curl".to_owned(), "--cookie".to_owned(), cookies.join("; ")], url)
}

/// The line that asks for a URL.
pub(super) fn of_url(url: &str) -> anyhow::Result<String> {
    line(vec!["curl".to_owned()], url)
}

/// A file's name as curl takes it for a file's name, and nothing else.
fn literal(file: &Path) -> anyhow::Result<String> {
    let name = file.to_str().with_context(|| {
        format!("the name of {} is not UTF-8, so no line can be written for it; rename the file", file.display())
    })?;
    // `-` and `.` are standard input.
    Ok(if name.starts_with(['-', '.']) && !name.contains('/') { format!("./{name}") } else { name.to_owned() })
}

fn line(mut words: Vec<String>, url: &str) -> anyhow::Result<String> {
    words.push(url.to_owned());
    ensure!(
        !words.iter().any(|word| has_commands(word)),
        "a name or value has a control character, which does not survive a terminal; ask for --json instead"
    );
    // curl makes lists of what is in braces and brackets, in URLs and in names of files.
    if words.iter().any(|word| word.contains(['{', '[', '}', ']'])) {
        words.insert(1, "--globoff".to_owned());
    }
    shlex::try_join(words.iter().map(String::as_str)).context("a name or value has a NUL; leave it out")
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use strongroom_presign::Request;

    use super::{Body, literal, of_request};

    #[test]
    fn a_line_is_the_same_words_to_a_shell() {
        let request = Request::put("a").header("x-amz-meta-a", "it's `x` $(y) \"z\"").header("x-amz-meta-b", "");
        let file = Body::File(PathBuf::from("{a} b.jpg"));
        let line = of_request(&request, "https://h/a?b=c&d=e", &file).unwrap();
        let words: Vec<String> = shlex::split(&line).unwrap();
        let expected = [
            "curl",
            "--globoff",
            "--header",
            "x-amz-meta-a: it's `x` $(y) \"z\"",
            "--header",
            "x-amz-meta-b;",
            "--upload-file",
            "{a} b.jpg",
            "https://h/a?b=c&d=e",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn names_of_files_are_names_of_files() {
        assert_eq!(literal(Path::new("-")).unwrap(), "./-");
        assert_eq!(literal(Path::new(".")).unwrap(), "./.");
        assert_eq!(literal(Path::new("a.jpg")).unwrap(), "a.jpg");
        let bell = Body::File(PathBuf::from("a\u{7}"));
        assert!(of_request(&Request::put("a"), "https://h/", &bell).is_err());
    }
}
