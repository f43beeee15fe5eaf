//! `strongroom config`: checks a configuration without starting anything, or prints the documented example.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use crate::config::{Config, Database, EXAMPLE, JwtKeys, Place, Problem, Rules, Sources, Space, duration, size};

/// What to do with the configuration.
#[derive(Debug, Clone, Subcommand)]
pub(super) enum ConfigVerb {
    /// Say everything that is wrong with the configuration, or what it comes to
    ///
    /// Exits with 0 if the configuration can be used, and with 2 if it cannot.
    Check {
        /// Print one JSON object instead of lines
        #[arg(long)]
        json: bool,
    },
    /// Print a configuration file with every key explained
    Example,
}

/// The exit code for a configuration that cannot be used, the same as for arguments that cannot be.
pub(super) const UNUSABLE: u8 = 2;

/// Runs the verb. Results go to `out`; what is wrong or doubtful goes to `err`, unless JSON was asked for.
pub(super) fn run(
    verb: &ConfigVerb,
    sources: &Sources,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    match verb {
        ConfigVerb::Example => {
            out.write_all(EXAMPLE.as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        ConfigVerb::Check { json: true } => check_for_machines(sources, out),
        ConfigVerb::Check { json: false } => check(sources, out, err),
    }
}

fn check(sources: &Sources, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<ExitCode> {
    let config = match Config::load(sources) {
        Ok(config) => config,
        Err(errors) => {
            writeln!(err, "{errors}")?;
            return Ok(ExitCode::from(UNUSABLE));
        }
    };
    for warning in &config.warnings {
        writeln!(err, "warning: {warning}")?;
    }
    writeln!(out, "ok")?;
    for (what, value) in summary(&config) {
        writeln!(out, "  {what:<15} {value}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn check_for_machines(sources: &Sources, out: &mut dyn Write) -> io::Result<ExitCode> {
    let (problems, warnings) = match Config::load(sources) {
        Ok(config) => (Vec::new(), config.warnings),
        Err(errors) => (errors.0, Vec::new()),
    };
    let list = |problems: &[Problem]| problems.iter().map(as_json).collect::<Vec<_>>();
    let is_ok = problems.is_empty();
    writeln!(out, "{}", json!({"ok": is_ok, "problems": list(&problems), "warnings": list(&warnings)}))?;
    Ok(if is_ok { ExitCode::SUCCESS } else { ExitCode::from(UNUSABLE) })
}

fn as_json(problem: &Problem) -> serde_json::Value {
    json!({
        "source": problem.source.to_string(),
        "key": problem.key.to_string(),
        "value": problem.value,
        "message": problem.message,
    })
}

/// What the configuration comes to, as a table of two columns.
fn summary(config: &Config) -> Vec<(String, String)> {
    let mut lines = vec![
        ("data folder".to_owned(), config.data.display().to_string()),
        ("service".to_owned(), format!("listens on {}", config.server.listen)),
        ("database".to_owned(), database(config)),
        ("storage".to_owned(), storage(config)),
        ("administrator".to_owned(), generated_or_given(config.auth.admin_token.is_none(), "token")),
        ("tokens".to_owned(), tokens(&config.auth.jwt.keys)),
    ];
    lines.extend(config.spaces.iter().map(|(name, space)| (format!("space {name}"), describe(space))));
    lines
}

fn database(config: &Config) -> String {
    match &config.database {
        Database::Sqlite => "SQLite, in the data folder".to_owned(),
        Database::Postgres { address, max_connections } => format!("{address}, up to {max_connections} connections"),
    }
}

fn storage(config: &Config) -> String {
    let place = match &config.storage.place {
        Place::Embedded(embedded) => {
            let keys = generated_or_given(embedded.identities.is_none(), "keys");
            format!("embedded, listens on {}, {keys}", embedded.listen)
        }
        Place::External(external) => {
            format!("bucket {} in {} at {}", external.bucket, external.region, external.endpoint)
        }
    };
    match config.storage.location.as_str() {
        "" => place,
        location => format!("{place}, below {location}"),
    }
}

fn generated_or_given(is_generated: bool, what: &str) -> String {
    let origin = if is_generated { "generated in the data folder" } else { "configured" };
    format!("{what} {origin}")
}

fn tokens(keys: &JwtKeys) -> String {
    match keys {
        JwtKeys::Generated => "HS256 with the secret generated in the data folder".to_owned(),
        JwtKeys::Secret(_) => "HS256 with the configured secret".to_owned(),
        JwtKeys::Public { algorithm, .. } => format!("{} with the configured public key", algorithm.name()),
        JwtKeys::Published { url, algorithms } => {
            let names: Vec<_> = algorithms.iter().map(|algorithm| algorithm.name()).collect();
            format!("{} with the keys from {url}", names.join(", "))
        }
    }
}

fn describe(space: &Space) -> String {
    let accepted = space.accept.patterns().collect::<Vec<_>>().join(", ");
    let limit = space.max_bytes.map_or(String::new(), |bytes| format!(" up to {}", size::show(bytes)));
    let shortest = duration::show(space.links.minimum);
    let longest = duration::show(space.links.minimum + space.links.window);
    format!(
        "{}, accepts {accepted}{limit}; links live {shortest} to {longest}; write: {}; read: {}; list: {}; delete: {}",
        space.key,
        names(&space.write),
        names(&space.read),
        names(&space.list),
        names(&space.delete),
    )
}

fn names(rules: &Rules) -> String {
    let names: Vec<_> = rules.iter().map(ToString::to_string).collect();
    if names.is_empty() { "only the administrator".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use std::process::ExitCode;

    use super::{ConfigVerb, UNUSABLE, run};
    use crate::config::{EXAMPLE, Sources};

    /// The exit code as `Debug` shows it (it has no equality), the output and the errors.
    fn outcome(verb: &ConfigVerb, variables: &[(&str, &str)]) -> (String, String, String) {
        let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let sources = Sources { environment, ..Sources::default() };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = run(verb, &sources, &mut out, &mut err).unwrap();
        (format!("{code:?}"), String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    fn code(code: u8) -> String {
        format!("{:?}", ExitCode::from(code))
    }

    #[test]
    fn a_good_configuration_is_summed_up() {
        let (exit, out, err) = outcome(&ConfigVerb::Check { json: false }, &[]);
        assert_eq!((exit, err.as_str()), (code(0), ""));
        assert!(out.starts_with("ok\n") && out.contains("embedded, listens on 127.0.0.1:9000"), "{out}");
        assert!(out.contains("space files") && out.contains("links live 4m to 5m"), "{out}");
    }

    #[test]
    fn a_bad_configuration_is_explained_with_exit_code_2() {
        let variables = [("STRONGROOM__SERVER__LISTEN", "x"), ("STRONGROOM__SERVR", "y")];
        let (exit, out, err) = outcome(&ConfigVerb::Check { json: false }, &variables);
        assert_eq!((exit, out.as_str()), (code(UNUSABLE), ""));
        assert!(err.starts_with("the configuration has 2 problems:\n"), "{err}");
        let (exit, out, err) = outcome(&ConfigVerb::Check { json: true }, &variables);
        assert_eq!((exit, err.as_str()), (code(UNUSABLE), ""));
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&report["ok"], report["problems"].as_array().unwrap().len()), (&false.into(), 2));
        assert_eq!(report["problems"][0]["key"], "server.listen");
    }

    #[test]
    fn what_is_doubtful_is_told_and_does_not_fail() {
        let variables = [("STRONGROOM__SPACES__A__WRITE", "[\"public\"]")];
        let (exit, out, err) = outcome(&ConfigVerb::Check { json: false }, &variables);
        assert_eq!(exit, code(0));
        assert!(err.starts_with("warning: ") && out.contains("write: public"), "{err}{out}");
    }

    #[test]
    fn the_example_is_printed_whole() {
        assert_eq!(outcome(&ConfigVerb::Example, &[]), (code(0), EXAMPLE.to_owned(), String::new()));
    }
}
