//! The configuration as its users meet it: through files, variables and arguments.

use std::fs;

use tempfile::TempDir;

use super::{Config, Sources};

mod auth;
mod example;
mod loading;
mod mirror;
mod mistakes;
mod profile;
mod spaces;
mod storage;

/// A folder with a configuration file and what it names.
struct Setting {
    folder: TempDir,
    sources: Sources,
}

impl Setting {
    fn new(toml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("strongroom.toml");
        fs::write(&file, toml).unwrap();
        Self { folder, sources: Sources { file: Some(file), ..Sources::default() } }
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn listen(mut self, address: &str) -> Self {
        self.sources.listen = Some(address.to_owned());
        self
    }

    fn file(self, name: &str, content: &str) -> Self {
        fs::write(self.folder.path().join(name), content).unwrap();
        self
    }

    fn load(&self) -> Config {
        Config::load(&self.sources).unwrap()
    }

    /// The problems as users read them, with the file's name alone.
    fn problems(&self) -> Vec<String> {
        let folder = format!("{}/", self.folder.path().display());
        let errors = Config::load(&self.sources).expect_err("the configuration should be refused");
        errors.0.iter().map(|problem| problem.to_string().replace(&folder, "")).collect()
    }

    /// The one problem, which begins with `place` and then holds `part`.
    #[track_caller]
    fn assert_problem(&self, place: &str, part: &str) {
        let problems = self.problems();
        assert_eq!(problems.len(), 1, "{problems:#?}");
        assert!(problems[0].starts_with(place) && problems[0].contains(part), "{}", problems[0]);
    }

    /// The warnings as users read them.
    fn warnings(&self) -> Vec<String> {
        self.load().warnings.iter().map(ToString::to_string).collect()
    }
}
