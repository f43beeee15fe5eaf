//! What `cargo xtask test` runs, in order: the cheap checks first, then the tests, then the browser.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use strongroom_testbed::Postgres;

use super::{Ending, Step};
use crate::fuzz;
use crate::process::{Outcome, Tests, follow, quietly};
use crate::servers::{Kind, Server};
use crate::service::Service;
use crate::setup::{self, Tool};
use crate::tidy;
use crate::workspace::Workspace;

/// Every step, in the order in which they run.
pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        what: "the code is formatted",
        tools: &[Tool::RustComponents],
        run: |workspace| {
            let manifests = ["Cargo.toml", "fuzz/Cargo.toml", "benches/presign/Cargo.toml"];
            each(&manifests, |manifest| cargo(workspace, &["fmt", "--all", "--check", "--manifest-path", manifest]))
        },
    },
    Step {
        name: "clippy",
        what: "no lint has anything to say",
        tools: &[Tool::Compiler, Tool::RustComponents],
        run: |workspace| {
            let arguments = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
            let ending = cargo(workspace, &arguments)?;
            if matches!(ending, Ending::Passed(_)) { ended(fuzz::lint(workspace)?) } else { Ok(ending) }
        },
    },
    Step {
        name: "doc",
        what: "the documentation of the code builds and its links resolve",
        tools: &[Tool::Compiler],
        run: |workspace| {
            ended(follow(
                Command::new("cargo")
                    .args(["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"])
                    .env("RUSTDOCFLAGS", "-D warnings")
                    .current_dir(&workspace.root),
            )?)
        },
    },
    Step {
        name: "deny",
        what: "the licences, sources and duplicates of the dependencies",
        tools: &[Tool::CargoDeny],
        run: |workspace| deny(workspace, &["licenses", "bans", "sources"]),
    },
    Step {
        name: "advisories",
        what: "no dependency has a known vulnerability",
        tools: &[Tool::CargoDeny],
        run: advisories,
    },
    Step {
        name: "build",
        what: "the service and every test compile",
        tools: &[Tool::Compiler],
        run: |workspace| cargo(workspace, &["test", "--workspace", "--locked", "--no-run", "--quiet"]),
    },
    Step {
        name: "tidy",
        what: "layout, imports, words, and documents that match the code",
        tools: &[Tool::Compiler],
        run: |workspace| {
            let held = tidy::run(workspace)?;
            Ok(if held { Ending::Passed(Tests::default()) } else { Ending::Failed(Tests::default()) })
        },
    },
    Step {
        name: "tests",
        what: "unit, integration, end-to-end and crash tests",
        tools: &[Tool::Compiler, Tool::Curl, Tool::Python, Tool::S3fs, Tool::Rclone, Tool::Postgres],
        run: tests,
    },
    Step {
        name: "postgres",
        what: "the end-to-end and crash tests again, on PostgreSQL",
        tools: &[Tool::Compiler, Tool::Curl, Tool::Python, Tool::Postgres],
        run: on_postgres,
    },
    Step {
        name: "seaweedfs",
        what: "the end-to-end and crash tests again, on SeaweedFS with the printed policies, and PostgreSQL",
        tools: &[Tool::Compiler, Tool::Curl, Tool::Postgres, Tool::SeaweedFs],
        run: |workspace| {
            let database = postgres(workspace)?;
            on_storage(workspace, Kind::SeaweedFs, Some(&database))
        },
    },
    Step {
        name: "ceph",
        what: "the end-to-end and crash tests again, on Ceph with the printed policies, and SQLite",
        tools: &[Tool::Compiler, Tool::Curl, Tool::Postgres, Tool::Ceph],
        run: |workspace| on_storage(workspace, Kind::Ceph, None),
    },
    Step {
        name: "garage",
        what: "the end-to-end and crash tests again, on three nodes of Garage and PostgreSQL",
        tools: &[Tool::Compiler, Tool::Curl, Tool::Postgres, Tool::Garage],
        run: |workspace| {
            let database = postgres(workspace)?;
            on_storage(workspace, Kind::Garage, Some(&database))
        },
    },
    Step {
        name: "chaos",
        what: "trouble of every kind for three nodes under load, and nothing lost",
        tools: &[Tool::Compiler, Tool::Postgres],
        run: chaos,
    },
    Step {
        name: "doctests",
        what: "the examples in the documentation of the code",
        tools: &[Tool::Compiler],
        run: |workspace| cargo(workspace, &["test", "--workspace", "--locked", "--doc"]),
    },
    Step {
        name: "servers",
        what: "links, forms, policies and mirrors used for real at SeaweedFS, Ceph and the embedded store",
        tools: &[Tool::Compiler, Tool::SeaweedFs, Tool::Ceph, Tool::Python],
        run: servers,
    },
    Step {
        name: "fuzz",
        what: "a few seconds of generated input for whatever strangers can reach",
        tools: &[Tool::Compiler],
        run: |workspace| {
            let tests = fuzz::all(workspace, FUZZ_SECONDS)?;
            ended(Outcome { success: tests.failed == 0, tests })
        },
    },
    Step {
        name: "browser",
        what: "the console in a real browser",
        tools: &[Tool::Compiler, Tool::Browser],
        run: browser,
    },
];

/// For each target: enough to try the seeds and look around them. `cargo xtask fuzz` looks further.
const FUZZ_SECONDS: u32 = 5;

/// The tests of the step of this name.
const CHAOS: &str = "nodes::chaos";

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Result<Ending> {
    ended(follow(Command::new("cargo").args(arguments).current_dir(&workspace.root))?)
}

#[expect(clippy::unnecessary_wraps, reason = "every step ends in this, and a step may fail")]
fn ended(outcome: Outcome) -> Result<Ending> {
    Ok(if outcome.success && outcome.tests.failed == 0 {
        Ending::Passed(outcome.tests)
    } else {
        Ending::Failed(outcome.tests)
    })
}

fn tests(workspace: &Workspace) -> Result<Ending> {
    let mut command = runner(workspace);
    if !has_nextest() {
        command.args(["--lib", "--bins", "--tests"]);
    }
    ended(follow(command.args(without(&[])))?)
}

fn on_postgres(workspace: &Workspace) -> Result<Ending> {
    let server = postgres(workspace)?;
    let mut command = runner(workspace);
    // Of the whole workspace, so that nothing is compiled twice.
    command.args(["--test", "e2e"]).env("STRONGROOM_TEST_POSTGRES", server.url());
    ended(follow(command.args(without(&[])))?)
}

/// Loud, because of the figures that it prints.
fn chaos(workspace: &Workspace) -> Result<Ending> {
    let mut command = runner(workspace);
    command.args(["--test", "e2e"]);
    let only: &[&str] =
        if has_nextest() { &["--no-capture", "-E", "test(/^nodes::chaos/)"] } else { &["--", "--nocapture", CHAOS] };
    ended(follow(command.args(only))?)
}

/// Leaves out what the step `chaos` runs, and these modules.
fn without(modules: &[&str]) -> Vec<String> {
    let modules = modules.iter().copied().chain([CHAOS]);
    if has_nextest() {
        let filter: Vec<String> = modules.map(|module| format!("not test(/^{module}/)")).collect();
        vec!["-E".to_owned(), filter.join(" and ")]
    } else {
        let skipped = modules.flat_map(|module| ["--skip".to_owned(), format!("{module}::")]);
        std::iter::once("--".to_owned()).chain(skipped).collect()
    }
}

fn on_storage(workspace: &Workspace, kind: Kind, database: Option<&Postgres>) -> Result<Ending> {
    let server = Server::start(workspace, kind)?;
    let mut command = runner(workspace);
    command.args(["--test", "e2e"]).env("STRONGROOM_TEST_STORAGE", &server.endpoint);
    command.env("STRONGROOM_TEST_PROVIDER", kind.name());
    command.envs(database.map(|database| ("STRONGROOM_TEST_POSTGRES", database.url())));
    // About the embedded store, which takes no part here, and about two of them.
    let mut left_out = vec!["embedded", "mirror"];
    if kind == Kind::Garage {
        // About what storages do that know `If-None-Match`.
        left_out.push("handing_in::lands");
    }
    ended(follow(command.args(without(&left_out)))?)
}

/// A server in the target folder, because the temporary one may lie in memory; gone when the tests are through.
fn postgres(workspace: &Workspace) -> Result<Postgres> {
    Postgres::start(&workspace.target.join("servers"), &[])
}

/// What runs tests, with what they have to be told.
fn runner(workspace: &Workspace) -> Command {
    let mut command = Command::new("cargo");
    let verb: &[&str] = if has_nextest() { &["nextest", "run"] } else { &["test"] };
    command.args(verb).args(["--workspace", "--locked", "--no-fail-fast"]);
    command.env("STRONGROOM_TEST_PYTHON", setup::python_program(workspace));
    command.env("STRONGROOM_TEST_S3FS", setup::s3fs_python(workspace)).current_dir(&workspace.root);
    command
}

fn has_nextest() -> bool {
    quietly(Command::new("cargo").args(["nextest", "--version"])).is_ok()
}

fn servers(workspace: &Workspace) -> Result<Ending> {
    let mut command = Command::new("cargo");
    // Of the whole workspace, so that nothing is compiled twice.
    command.args(["test", "--workspace", "--locked", "--test", "servers"]);
    command.env("STRONGROOM_TEST_PYTHON", setup::python_program(workspace));
    // Dropped, and so ended, when the tests are through, however they end.
    let mut running = Vec::new();
    for kind in Kind::WITH_POLICIES {
        let server = Server::start(workspace, kind)?;
        command.env(kind.variable(), &server.endpoint);
        running.push(server);
    }
    ended(follow(command.current_dir(&workspace.root))?)
}

/// The fuzz targets are a workspace of their own, with dependencies of their own. The first failure ends it.
fn each(manifests: &[&str], check: impl Fn(&str) -> Result<Ending>) -> Result<Ending> {
    let mut ending = Ending::Passed(Tests::default());
    for manifest in manifests {
        ending = check(manifest)?;
        if !matches!(ending, Ending::Passed(_)) {
            break;
        }
    }
    Ok(ending)
}

fn deny(workspace: &Workspace, checks: &[&str]) -> Result<Ending> {
    // What the bench of signing compares with is part of nothing that is handed out.
    each(&["Cargo.toml", "fuzz/Cargo.toml"], |manifest| {
        ended(follow(
            Command::new(setup::deny_program(workspace))
                .args(["--manifest-path", manifest, "check"])
                .args(checks)
                .current_dir(&workspace.root),
        )?)
    })
}

/// The database of advisories is a git repository of its own. Without it nothing was checked, and the table says so.
fn advisories(workspace: &Workspace) -> Result<Ending> {
    let fetched =
        follow(Command::new(setup::deny_program(workspace)).args(["fetch", "db"]).current_dir(&workspace.root))?;
    if !fetched.success && !advisory_database_is_present() {
        return Ok(Ending::NotRun(
            "the RustSec advisory database cannot be reached from here, so NO advisory was checked".into(),
        ));
    }
    deny(workspace, &["--disable-fetch", "advisories"])
}

/// cargo-deny keeps the databases that it fetched beside cargo's own caches.
#[expect(clippy::disallowed_methods, reason = "cargo's home is told by the environment alone")]
fn advisory_database_is_present() -> bool {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    home.and_then(|home| std::fs::read_dir(home.join("advisory-dbs")).ok())
        .is_some_and(|databases| databases.flatten().any(|database| database.path().join("crates").is_dir()))
}

/// A space with short-lived links lets the browser see one end without waiting for minutes.
const BROWSER_CONFIGURATION: &str = r#"
[spaces.files]
accept = ["image/*", "text/plain", "application/pdf", "application/octet-stream"]
read = ["owner", "role:admin"]
write = ["owner"]
list = ["owner"]
delete = ["owner"]

[spaces.short]
accept = ["image/*"]
write = ["signed-in"]
read = ["signed-in"]
list = ["signed-in"]
delete = ["signed-in"]
links = { minimum = "2s", window = "1s" }
"#;

fn browser(workspace: &Workspace) -> Result<Ending> {
    // The same flags as the `build` step, so that nothing is compiled twice.
    let built = follow(
        Command::new("cargo")
            .args(["test", "--workspace", "--locked", "--no-run", "--quiet"])
            .current_dir(&workspace.root),
    )?;
    if !built.success {
        return ended(built);
    }
    let screenshots = workspace.target.join("screenshots");
    std::fs::create_dir_all(&screenshots)?;
    let service = Service::start(&workspace.strongroom("debug"), BROWSER_CONFIGURATION, &["--demo"])?;
    wait_for_demonstration(&service)?;
    println!("screenshots: {}", screenshots.display());
    ended(follow(
        Command::new("node")
            .arg("run.mjs")
            .env("STRONGROOM_URL", service.api())
            .env("STRONGROOM_TOKEN", service.token())
            .env("STRONGROOM_SCREENSHOTS", &screenshots)
            .current_dir(setup::browser_tests(workspace)),
    )?)
}

/// The demonstration draws its pictures beside its other work; the gallery is looked at when all of them hang.
fn wait_for_demonstration(service: &Service) -> Result<()> {
    const PICTURES: usize = 40;
    const PATIENCE: Duration = Duration::from_mins(3);
    const PAUSE: Duration = Duration::from_millis(200);
    let mut waited = Duration::ZERO;
    loop {
        let (_, body) = service.get_with_token("/v1/spaces/demo/objects?limit=1000")?;
        let list: serde_json::Value = serde_json::from_str(&body)?;
        if list["items"].as_array().is_some_and(|pictures| pictures.len() >= PICTURES) {
            return Ok(());
        }
        ensure!(waited < PATIENCE, "the demonstration has not handed its pictures in: {body}");
        std::thread::sleep(PAUSE);
        waited += PAUSE;
    }
}
