//! Every command, route, environment variable and configuration key that a document names exists.

use super::facts::{Facts, general, keys_of};
use super::markdown::{Block, read};
use super::{File, Finding};

const CARGO_VERBS: &[&str] =
    &["build", "check", "clippy", "doc", "fmt", "install", "nextest", "run", "test", "xtask", "deny", "metadata"];
const XTASK_VERBS: &[&str] = &["test", "tidy", "serve", "fuzz", "bench"];
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// Finds claims of a document that the built service does not bear out.
pub(super) fn check(file: &File, facts: &Facts) -> Vec<Finding> {
    // Old entries of the change log speak of what was.
    if file.path.ends_with("CHANGELOG.md") {
        return Vec::new();
    }
    let document = read(&file.text);
    let mut problems: Vec<(usize, String)> = Vec::new();
    for (line, code) in &document.inline {
        problems.extend(of_code(code, facts).into_iter().map(|message| (*line, message)));
        problems.extend(of_key(code, facts).map(|message| (*line, message)));
    }
    for block in &document.blocks {
        problems.extend(of_block(block, facts));
    }
    for (number, line) in file.text.lines().enumerate() {
        problems.extend(of_environment(line, facts).into_iter().map(|message| (number + 1, message)));
    }
    problems.into_iter().map(|(line, message)| Finding::new(&file.path, line, message)).collect()
}

fn of_block(block: &Block, facts: &Facts) -> Vec<(usize, String)> {
    if block.language == "toml" {
        return match block.text.parse::<toml::Table>() {
            Ok(table) => keys_of(&table)
                .into_iter()
                .filter(|key| !knows_key(key, facts))
                .map(|key| (block.line, format!("there is no configuration key `{key}`")))
                .collect(),
            Err(error) => vec![(block.line, format!("is not TOML: {}", error.message()))],
        };
    }
    let mut problems = Vec::new();
    let mut command = String::new();
    for (number, line) in block.text.lines().enumerate() {
        command.push_str(line.trim().trim_start_matches("$ "));
        if command.ends_with('\\') {
            command.pop();
            continue;
        }
        let line = block.line + number;
        for part in command.split(['|', ';', '(']).flat_map(|part| part.split("&&")) {
            problems.extend(of_code(part.trim(), facts).into_iter().map(|message| (line, message)));
        }
        command.clear();
    }
    problems
}

/// Problems of one command or route.
fn of_code(code: &str, facts: &Facts) -> Vec<String> {
    let words: Vec<&str> = code
        .split_whitespace()
        .map(|word| word.trim_matches(|character| "[]\"',()".contains(character)))
        .skip_while(|word| word.contains('=') && word.starts_with(|first: char| first.is_ascii_uppercase()))
        .collect();
    let program = words.first().map_or("", |word| word.rsplit('/').next().unwrap_or(word));
    match (program, words.len()) {
        ("cargo", 2..) => of_cargo(&words[1..], facts),
        ("strongroom", 2..) => of_strongroom(&words[1..], facts).into_iter().collect(),
        ("curl", _) => of_curl(&words[1..], facts),
        _ => of_route(&words, facts).into_iter().collect(),
    }
}

fn of_cargo(words: &[&str], facts: &Facts) -> Vec<String> {
    if !CARGO_VERBS.contains(&words[0]) {
        return vec![format!("`cargo {}` is not a command that we use", words[0])];
    }
    if words[0] == "xtask" {
        let known = words.get(1).is_some_and(|verb| XTASK_VERBS.contains(verb) || verb.starts_with(['…', '<']));
        return if known { Vec::new() } else { vec![format!("there is no `cargo {}`", words.join(" "))] };
    }
    match words.iter().position(|word| *word == "--") {
        Some(at) if words[0] == "run" => of_strongroom(&words[at + 1..], facts).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn of_strongroom(words: &[&str], facts: &Facts) -> Option<String> {
    let mut verb = String::new();
    for word in words.iter().take_while(|word| !word.starts_with('-')) {
        let longer = if verb.is_empty() { (*word).to_owned() } else { format!("{verb} {word}") };
        if facts.commands.contains_key(&longer) {
            verb = longer;
        } else if verb.is_empty() && !word.starts_with(['<', '…']) {
            return Some(format!("there is no `strongroom {word}`"));
        } else {
            break;
        }
    }
    let flags = &facts.commands[&verb];
    words
        .iter()
        .filter(|word| word.starts_with('-') && word.len() > 1)
        .map(|word| word.split('=').next().unwrap_or(word))
        .find(|flag| !flags.contains(*flag))
        .map(|flag| format!("`strongroom {verb}` has no `{flag}`"))
}

fn of_curl(words: &[&str], facts: &Facts) -> Vec<String> {
    let method = words
        .windows(2)
        .find(|pair| pair[0] == "-X" || pair[0] == "--request")
        .map(|pair| pair[1])
        .or_else(|| words.iter().find_map(|word| word.strip_prefix("-X")));
    words
        .iter()
        .filter_map(|word| word.find("/v1/").map(|at| &word[at..]))
        .filter(|path| !knows_route(method, path, facts))
        .map(|path| format!("there is no route `{} {path}`", method.unwrap_or("GET")))
        .collect()
}

/// `GET /v1/spaces`, `GET/PATCH /v1/objects/{id}` or a path of ours alone.
fn of_route(words: &[&str], facts: &Facts) -> Option<String> {
    let (methods, path) = match words {
        [path] if is_path(path, facts) => (Vec::new(), *path),
        [methods, path] if path.starts_with('/') => {
            let methods: Vec<&str> = methods.split(['/', ',', '|']).collect();
            if !methods.iter().all(|method| METHODS.contains(method)) {
                return None;
            }
            (methods, *path)
        }
        _ => return None,
    };
    let missing = if methods.is_empty() {
        (!knows_route(None, path, facts)).then_some("")
    } else {
        methods.into_iter().find(|method| !knows_route(Some(method), path, facts))
    };
    missing.map(|method| format!("there is no route `{}`", format!("{method} {path}").trim()))
}

/// Absolute paths of machines stand in documents too; ours begin as one of our routes does.
fn is_path(text: &str, facts: &Facts) -> bool {
    text.starts_with("/v1/") || facts.routes.iter().any(|(_, path)| path.len() > 1 && path == text)
}

fn knows_route(method: Option<&str>, path: &str, facts: &Facts) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or(path).trim_end_matches(['.', ',', '"', '\'', ')']);
    let said: Vec<&str> = path.split('/').collect();
    facts.routes.iter().any(|(known, template)| {
        let template: Vec<&str> = template.split('/').collect();
        method.is_none_or(|method| method == known)
            && template.len() == said.len()
            && template
                .iter()
                .zip(&said)
                .all(|(known, said)| known == said || (known.starts_with('{') && !said.is_empty()))
    })
}

/// `storage.bucket` or `server.listen = "…"`, when the first word is one of our sections.
fn of_key(code: &str, facts: &Facts) -> Option<String> {
    let key = code.split('=').next().unwrap_or(code).trim();
    let (section, rest) = key.split_once('.')?;
    let plain = key.chars().all(|character| character.is_ascii_alphanumeric() || "._*-".contains(character));
    let is_file = ["rs", "toml", "md", "js", "css", "html", "sql"].contains(&rest);
    let ours = facts.keys.iter().any(|known| known.split_once('.').is_some_and(|(known, _)| known == section));
    (plain && !is_file && ours && !knows_key(key, facts)).then(|| format!("there is no configuration key `{key}`"))
}

fn knows_key(key: &str, facts: &Facts) -> bool {
    let key = general(key.trim_end_matches(".*"));
    facts.keys.contains(&key) || facts.keys.iter().any(|known| known.starts_with(&format!("{key}.")))
}

fn of_environment(line: &str, facts: &Facts) -> Vec<String> {
    const PREFIX: &str = "STRONGROOM__";
    line.match_indices(PREFIX)
        .map(|(at, _)| {
            line[at + PREFIX.len()..]
                .chars()
                .take_while(|character| character.is_ascii_alphanumeric() || *character == '_')
                .collect::<String>()
        })
        // The general form is how documents explain the rule itself.
        .filter(|name| name != "SECTION__KEY" && !name.is_empty())
        .filter(|name| !knows_key(&name.to_lowercase().replace("__", "."), facts))
        .map(|name| format!("there is no configuration key for `{PREFIX}{name}`"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::{Facts, check};

    fn findings(text: &str) -> Vec<String> {
        let set = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        let facts = Facts {
            commands: [
                ("", vec!["--help"]),
                ("serve", vec!["--demo", "--data"]),
                ("token", vec![]),
                ("token create", vec!["--name"]),
            ]
            .into_iter()
            .map(|(verb, flags)| (verb.to_owned(), set(&flags)))
            .collect(),
            routes: [("GET", "/v1/objects/{id}"), ("POST", "/v1/links"), ("GET", "/healthz")]
                .into_iter()
                .map(|(method, path)| (method.to_owned(), path.to_owned()))
                .collect(),
            keys: set(&["server", "server.listen", "spaces.*", "spaces.*.accept", "auth.jwt.secret"]),
            paths: Vec::new(),
        };
        check(&file("README.md", text), &facts).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn what_exists_passes() {
        let text = "`cargo xtask test` `strongroom serve --demo` `strongroom token create --name N` `GET /v1/objects/{id}` `/healthz`\n\
            `server.listen` `server.listen = \"x\"` `spaces.photos.accept` `STRONGROOM__AUTH__JWT__SECRET` `/etc/passwd` `image/png`\n\
            ```sh\n$ cargo run --release -- serve --demo\ncurl -X POST -H \"a: b\" \\\n  http://127.0.0.1:8080/v1/links | jq\n```\n\
            ```toml\n[spaces.photos]\naccept = [\"image/*\"]\n```\n";
        assert_eq!(findings(text), [""; 0]);
    }

    #[test]
    fn commands_that_do_not_exist_are_found() {
        for text in [
            "`cargo xtask dance`",
            "`cargo dance`",
            "`strongroom dance`",
            "`strongroom serve --dance`",
            "`strongroom token create --dance`",
            "```sh\ncargo run --release -- dance\n```",
            "```sh\nTOKEN=$(strongroom dance)\n```",
            "```sh\nA=b strongroom serve --demo && strongroom dance\n```",
        ] {
            assert_eq!(findings(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn routes_that_do_not_exist_are_found() {
        for text in [
            "`GET /v1/dance`",
            "`GET/DELETE /v1/objects/{id}`",
            "`/v1/links/{id}`",
            "```sh\ncurl http://127.0.0.1:8080/v1/dance\n```",
            "```sh\ncurl -X DELETE http://127.0.0.1:8080/v1/links\n```",
        ] {
            assert_eq!(findings(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn configuration_keys_that_do_not_exist_are_found() {
        for text in [
            "`server.dance`",
            "`spaces.photos.dance = 1`",
            "set STRONGROOM__SERVER__DANCE",
            "```toml\n[server]\ndance = 1\n```",
            "```toml\nthis is not toml\n```",
        ] {
            assert_eq!(findings(text).len(), 1, "{text}");
        }
    }
}
