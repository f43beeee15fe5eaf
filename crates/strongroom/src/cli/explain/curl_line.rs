//! Reads a curl line as somebody pasted it: the URL, the method and the headers that curl sends.

use anyhow::{Context as _, ensure};

/// What a client sent, as far as it is known.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) url: String,
    pub(super) method: Option<String>,
    /// All that were set; `None` if nobody said.
    pub(super) headers: Option<Vec<(String, String)>>,
}

/// Whether a text is a curl line and not a URL.
pub(super) fn is_one(text: &str) -> bool {
    text.strip_prefix("$ ").unwrap_or(text).split_whitespace().next() == Some("curl")
}

/// Options that take a word and say nothing of the request line or the headers.
const WITH_VALUE: &str = "obcCDeEKmPQrtuUwxyYz";
const LONG_WITH_VALUE: [&str; 19] = [
    "--output",
    "--max-time",
    "--connect-timeout",
    "--write-out",
    "--proxy",
    "--cacert",
    "--cert",
    "--key",
    "--resolve",
    "--connect-to",
    "--retry",
    "--dump-header",
    "--range",
    "--limit-rate",
    "--cookie-jar",
    "--continue-at",
    "--interface",
    "--max-redirs",
    "--trace-ascii",
];

/// What a line does.
#[derive(Debug, Default)]
struct Seen {
    request: Request,
    headers: Vec<(String, String)>,
    asked: Option<String>,
    implied: Option<&'static str>,
    content_type: Option<&'static str>,
}

/// Reads the line as a shell and curl would.
pub(super) fn read(text: &str) -> anyhow::Result<Request> {
    let text = text.strip_prefix("$ ").unwrap_or(text).replace("\\\r\n", " ").replace("\\\n", " ");
    let words = shlex::split(&text).context("the curl line has a quote that does not end; paste the whole line")?;
    let mut seen = Seen::default();
    let mut words = words.into_iter().skip(1);
    let mut only_words = false;
    while let Some(word) = words.next() {
        if only_words || !word.starts_with('-') || word == "-" {
            seen.url(word);
        } else if word == "--" {
            only_words = true;
        } else if let Some((name, value)) = word.split_once('=').filter(|(name, _)| name.starts_with("--")) {
            seen.option(name, value);
        } else if word.starts_with("--") {
            if takes_value(&word) {
                seen.option(&word, &words.next().unwrap_or_default());
            } else {
                seen.flag(&word);
            }
        } else {
            seen.short(&word[1..], &mut words);
        }
    }
    seen.end()
}

fn takes_value(option: &str) -> bool {
    long_of_meaning(option) || LONG_WITH_VALUE.contains(&option)
}

/// The long options whose value says something.
fn long_of_meaning(option: &str) -> bool {
    let named =
        ["--url", "--request", "--header", "--upload-file", "--form", "--form-string", "--json", "--user-agent"];
    named.contains(&option) || ["--referer", "--cookie", "--user"].contains(&option) || option.starts_with("--data")
}

impl Seen {
    /// The first word that is a URL. Before it may stand the value of an option that is not known here.
    fn url(&mut self, word: String) {
        if self.request.url.is_empty() || (!self.request.url.contains("://") && word.contains("://")) {
            self.request.url = word;
        }
    }

    /// `-sXPUT`, `-H name:value`: letters in a row, the last of which may have a value behind it or in the next word.
    fn short(&mut self, letters: &str, words: &mut impl Iterator<Item = String>) {
        for (at, letter) in letters.char_indices() {
            let option = match letter {
                'X' => "--request",
                'H' => "--header",
                'T' => "--upload-file",
                'd' => "--data",
                'F' => "--form",
                'A' => "--user-agent",
                'I' => "--head",
                'G' => "--get",
                other if WITH_VALUE.contains(other) => "--output",
                _ => continue,
            };
            // Case matters to curl: `-T` and `-b` take a value, `-I` and `-G` do not.
            if !takes_value(option) {
                self.flag(option);
                continue;
            }
            let behind = &letters[at + letter.len_utf8()..];
            if behind.is_empty() {
                self.option(option, &words.next().unwrap_or_default());
            } else {
                self.option(option, behind);
            }
            return;
        }
    }

    fn flag(&mut self, option: &str) {
        match option {
            "--head" => self.implied = Some("HEAD"),
            "--get" => self.implied = Some("GET"),
            _ => {}
        }
    }

    fn option(&mut self, option: &str, value: &str) {
        match option {
            "--url" => self.url(value.to_owned()),
            "--request" => self.asked = Some(value.to_owned()),
            "--header" => {
                // `Name;` sends an empty one, and `Name:` keeps curl from sending its own.
                if let Some((name, value)) = value.split_once(':').filter(|(_, value)| !value.trim().is_empty()) {
                    self.headers.push((name.trim().to_owned(), value.trim().to_owned()));
                } else if let Some(name) = value.strip_suffix(';') {
                    self.headers.push((name.trim().to_owned(), String::new()));
                } else if value.trim().eq_ignore_ascii_case("content-type:") {
                    self.content_type = None;
                    self.headers.push(("content-type".to_owned(), String::new()));
                }
            }
            "--upload-file" => self.implied = Some("PUT"),
            "--form" | "--form-string" => self.body("multipart/form-data"),
            "--json" => self.body("application/json"),
            data if data.starts_with("--data") => self.body("application/x-www-form-urlencoded"),
            _ => {}
        }
    }

    fn body(&mut self, content_type: &'static str) {
        self.implied = self.implied.or(Some("POST"));
        self.content_type = Some(content_type);
    }

    fn end(mut self) -> anyhow::Result<Request> {
        ensure!(!self.request.url.is_empty(), "the curl line has no URL; paste the whole line");
        let method = self.asked.unwrap_or_else(|| self.implied.unwrap_or("GET").to_owned());
        let named = self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if let Some(content_type) = self.content_type.filter(|_| !named) {
            self.headers.push(("content-type".to_owned(), content_type.to_owned()));
        }
        // An empty one only stood for curl's own, which was not to be sent.
        self.headers.retain(|(name, value)| !(name == "content-type" && value.is_empty()));
        self.request.method = Some(method);
        self.request.headers = Some(self.headers);
        Ok(self.request)
    }
}

#[cfg(test)]
mod tests {
    use super::{Request, is_one, read};

    fn request(line: &str) -> (String, String, Vec<(String, String)>) {
        let Request { url, method, headers } = read(line).unwrap();
        (url, method.unwrap(), headers.unwrap())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn curl_lines_are_read_as_curl_reads_them() {
        for (line, method, headers) in [
            ("curl 'http://h/a?b&c'", "GET", &[][..]),
            ("$ curl -s -o x.jpg \\\n  -H 'X-A: b c' 'http://h/a?b&c'", "GET", &[("X-A", "b c")]),
            (
                "curl -sXPUT --header content-type:image/png -T x 'http://h/a?b&c'",
                "PUT",
                &[("content-type", "image/png")],
            ),
            ("curl --upload-file=x 'http://h/a?b&c'", "PUT", &[]),
            ("curl --retry-delay 5 'http://h/a?b&c' http://other", "GET", &[]),
            ("curl -I --url 'http://h/a?b&c'", "HEAD", &[]),
            ("curl -F file=@x 'http://h/a?b&c'", "POST", &[("content-type", "multipart/form-data")]),
            ("curl -X PUT -F file=@x 'http://h/a?b&c'", "PUT", &[("content-type", "multipart/form-data")]),
            (
                "curl --data-binary @x 'http://h/a?b&c'",
                "POST",
                &[("content-type", "application/x-www-form-urlencoded")],
            ),
            ("curl -X PUT -H content-type: --data-binary @- 'http://h/a?b&c'", "PUT", &[]),
            ("curl -H 'x-a;' -XDELETE -- 'http://h/a?b&c'", "DELETE", &[("x-a", "")]),
        ] {
            assert_eq!(request(line), ("http://h/a?b&c".to_owned(), method.to_owned(), pairs(headers)), "{line}");
        }
    }

    #[test]
    fn half_a_line_is_refused_and_a_url_is_no_line() {
        for line in ["curl", "curl -X", "curl 'http://h/", "curl -H"] {
            assert!(read(line).is_err(), "{line}");
        }
        assert!(is_one("curl x") && is_one("$ curl x") && !is_one("curly x") && !is_one("https://curl x"));
    }
}
