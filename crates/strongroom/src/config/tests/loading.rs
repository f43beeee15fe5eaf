//! Which source wins, and how values given as text become numbers and lists.

use std::path::Path;
use std::time::Duration;

use super::Setting;
use crate::config::{Config, LogFormat, Place, Sources};

fn variable(name: &str, value: &str) -> Config {
    Setting::new("").variable(name, value).load()
}

#[test]
fn nothing_configured_gives_a_service_for_this_machine_alone() {
    let config = Config::load(&Sources::default()).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.data, Path::new("strongroom-data"));
    assert_eq!(config.spaces.keys().collect::<Vec<_>>(), ["files"]);
    assert!(matches!(&config.storage.place, Place::Embedded(store) if store.listen.to_string() == "127.0.0.1:9000"));
    assert!(config.warnings.is_empty());
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
    let setting = Setting::new("server.listen = \"127.0.0.1:1\"\nserver.max_connections = 1");
    assert_eq!(setting.load().server.listen.port(), 1);
    let setting = setting.variable("STRONGROOM__SERVER__LISTEN", "127.0.0.1:2");
    assert_eq!(setting.load().server.listen.port(), 2);
    let setting = setting.listen("127.0.0.1:3");
    assert_eq!(setting.load().server.listen.port(), 3);
    assert_eq!(setting.load().server.max_connections, 1);
}

#[test]
fn the_data_folder_and_the_store_can_be_named_on_the_command_line() {
    let sources = Sources {
        data: Some("elsewhere".into()),
        store_listen: Some("127.0.0.1:0".to_owned()),
        environment: vec![("STRONGROOM__DATA".to_owned(), "nowhere".to_owned())],
        ..Sources::default()
    };
    let config = Config::load(&sources).unwrap();
    assert_eq!(config.data, Path::new("elsewhere"));
    assert!(matches!(&config.storage.place, Place::Embedded(store) if store.listen.port() == 0));
}

#[test]
fn a_path_in_a_file_counts_from_the_folder_of_that_file_and_one_in_a_variable_does_not() {
    let setting = Setting::new("data = \"here\"");
    assert_eq!(setting.load().data, setting.folder.path().join("here"));
    assert_eq!(variable("STRONGROOM__DATA", "there").data, Path::new("there"));
}

#[test]
fn a_variable_is_a_number_a_list_or_a_section_where_one_is_wanted() {
    assert_eq!(variable("STRONGROOM__SERVER__MAX_CONNECTIONS", "7").server.max_connections, 7);
    assert_eq!(variable("STRONGROOM__SERVER__RATE_LIMIT", "{ burst = 9 }").server.rate_limit.burst, 9);
    assert_eq!(variable("STRONGROOM__SERVER__LOG__FORMAT", "json").server.log.format, LogFormat::Json);
    assert_eq!(variable("STRONGROOM__SERVER__LISTEN", "\"127.0.0.1:5\"").server.listen.port(), 5);
    let space = &variable("STRONGROOM__SPACES__A__ACCEPT", "[\"image/*\"]").spaces["a"];
    assert!(space.accept.allows("image/png") && !space.accept.allows("text/plain"));
}

#[test]
fn a_variable_that_looks_like_a_number_stays_a_text_where_a_text_is_wanted() {
    let digits = "12345678901234567890123456789012";
    let config = variable("STRONGROOM__AUTH__ADMIN_TOKEN", digits);
    assert!(config.auth.admin_token.unwrap().matches(digits));
    assert_eq!(variable("STRONGROOM__DATA", "7").data, Path::new("7"));
}

#[test]
fn a_variable_reaches_the_space_whose_name_has_hyphens() {
    let setting = Setting::new("[spaces.profile-photos]\nmax_bytes = \"1 MiB\"")
        .variable("STRONGROOM__SPACES__PROFILE_PHOTOS__UPLOADS__EXPIRES", "90s");
    let space = &setting.load().spaces["profile-photos"];
    assert_eq!((space.max_bytes, space.uploads.expires), (Some(1024 * 1024), Duration::from_secs(90)));
}

#[test]
fn other_variables_are_none_of_our_business() {
    let config = Setting::new("")
        .variable("STRONGROOM_X", "1")
        .variable("PATH", "/bin")
        .variable("AWS_ACCESS_KEY_ID", "AKIA")
        .variable("AWS_ENDPOINT_URL", "not a url")
        .load();
    assert_eq!(config, Config::load(&Sources { data: Some(config.data.clone()), ..Sources::default() }).unwrap());
}

#[test]
fn the_demo_adds_its_space_beside_the_declared_ones() {
    let mut setting = Setting::new("[spaces.own]");
    setting.sources.demo = true;
    assert_eq!(setting.load().spaces.keys().collect::<Vec<_>>(), ["demo", "own"]);
}
