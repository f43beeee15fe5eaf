//! What is refused, and what is said about it.

use super::Setting;
use crate::config::{Config, Sources};

#[test]
fn every_mistake_is_told_at_once_with_its_line_key_value_and_mend() {
    let problems = Setting::new(
        "dat = 1\n[server]\nlisen = 2\nlisten = \"localhost:80\"\nrequest_timeout = \"30\"\nmax_connections = -4\n\
         [server.log]\nformat = \"jsno\"\n[cleanup]\ninterval = \"0\"\n[clenup]\n",
    )
    .problems();
    assert_eq!(
        problems,
        [
            "strongroom.toml:1:1: dat: there is no such key; did you mean `data`?",
            "strongroom.toml:3:1: server.lisen: there is no such key; did you mean `listen`?",
            "strongroom.toml:4:1: server.listen = \"localhost:80\": must be a numeric address; \
             write \"127.0.0.1:PORT\" for localhost",
            "strongroom.toml:5:1: server.request_timeout = \"30\": is not a length of time because the unit is \
             missing; write \"30s\", \"30m\" or \"30h\"",
            "strongroom.toml:6:1: server.max_connections = -4: is a number below zero, but must be a whole number \
             from 0 upwards",
            "strongroom.toml:8:1: server.log.format = \"jsno\": must be one of \"text\", \"json\"; did you mean \
             \"json\"?",
            "strongroom.toml:10:1: cleanup.interval = \"0\": would never rest; write \"1s\" or more",
            "strongroom.toml:11:2: clenup: there is no such key; did you mean `cleanup`?",
        ]
    );
}

#[test]
fn every_bad_item_of_a_list_is_told() {
    let problems = Setting::new("[spaces.a]\naccept = [\"imge\", \"image/*\", 5]").problems();
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert!(problems[0].contains("accept = \"imge\"") && problems[1].contains("accept = 5"), "{problems:#?}");
}

#[test]
fn a_mistake_in_a_variable_or_an_argument_names_it() {
    let place = "environment variable STRONGROOM__SERVER__MAX_CONNECTIONS: server.max_connections = -5: ";
    Setting::new("").variable("STRONGROOM__SERVER__MAX_CONNECTIONS", "-5").assert_problem(place, "from 0 upwards");
    let place = "environment variable STRONGROOM__SERVR__LISTEN: servr: ";
    Setting::new("").variable("STRONGROOM__SERVR__LISTEN", "x").assert_problem(place, "did you mean `server`?");
    let place = "environment variable STRONGROOM__SPACES__A__WRITE: spaces.a.write = \"owner\": ";
    Setting::new("").variable("STRONGROOM__SPACES__A__WRITE", "owner").assert_problem(place, "must be a list");
    let place = "environment variable STRONGROOM__SERVER____X: ";
    Setting::new("").variable("STRONGROOM__SERVER____X", "1").assert_problem(place, "two underscores");
    Setting::new("").listen("here").assert_problem("argument --listen: server.listen = \"here\": ", "127.0.0.1:8080");
}

#[test]
fn a_variable_cannot_make_a_section_out_of_a_value() {
    let setting = Setting::new("server = 5").variable("STRONGROOM__SERVER__LISTEN", "127.0.0.1:1");
    let problems = setting.problems();
    assert!(problems.iter().any(|problem| problem.contains("`server` was set to a plain value")), "{problems:#?}");
}

#[test]
fn all_syntax_errors_of_a_file_are_told_with_their_lines() {
    let problems = Setting::new("a = \n[b\nc = 1\n").problems();
    assert!(problems.iter().any(|problem| problem.starts_with("strongroom.toml:1:")), "{problems:#?}");
    assert!(problems.iter().any(|problem| problem.starts_with("strongroom.toml:2:")), "{problems:#?}");
}

#[test]
fn a_key_that_is_set_twice_is_told() {
    Setting::new("data = \"a\"\ndata = \"b\"").assert_problem("strongroom.toml:2:", "duplicate");
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let sources = Sources { file: Some("/nowhere/strongroom.toml".into()), ..Sources::default() };
    let errors = Config::load(&sources).unwrap_err().to_string();
    assert!(errors.contains("/nowhere/strongroom.toml:1:1: cannot be read"), "{errors}");
}

#[test]
fn no_secret_is_ever_repeated() {
    const SECRET: &str = "hunter2";
    let mistakes = [
        "[auth]\nadmin_token = \"hunter2\"",
        "[auth]\nadmin_tokn = \"hunter2\"",
        "[auth]\nadmin_token = [\"hunter2\"]",
        "[auth.jwt]\nsecret = \"hunter2\"",
        "[auth]\njwt = \"hunter2\"",
        "auth = \"hunter2\"",
        "[auth.jwt]\njwks_url = \"https://me:hunter2@example.com\"",
        "[server]\npublic_url = \"https://me:hunter2@example.com\"",
        "[storage]\nreader = \"hunter2\"",
        "[storage.reader]\naccess_key_id = \"A\"\nsecret_access_key = \"hunter2\"",
        "[storage.reader]\naccess_key_id = \"A\"\nsecret_acces_key = \"hunter2\"",
        "secret = \"hunter2\"",
        "[auth]\nadmin_token = \"hunter2\" oops",
        "[auth]\nadmin_token = \"hunter2",
    ];
    for toml in mistakes {
        let setting = Setting::new(toml);
        let errors = Config::load(&setting.sources).unwrap_err();
        assert!(!errors.to_string().contains(SECRET) && !format!("{errors:?}").contains(SECRET), "{toml}: {errors}");
    }
    let setting = Setting::new("").variable("STRONGROOM__AUTH__ADMINTOKEN", SECRET);
    assert!(!setting.problems().join("\n").contains(SECRET));
}

#[test]
fn a_loaded_secret_does_not_show_in_debug_output() {
    let setting = Setting::new("[auth]\nadmin_token = \"hunter2-hunter2-hunter2-hunter2-hunter2\"");
    assert!(!format!("{:?}", setting.load()).contains("hunter2"));
}

#[test]
fn generated_secrets_are_refused_on_an_address_that_others_can_reach() {
    let place = "strongroom.toml:1:8: server.listen = \"0.0.0.0:80\": ";
    let exposed = "server.listen = \"0.0.0.0:80\"\n";
    Setting::new(exposed).assert_problem(place, "set auth.admin_token (or auth.admin_token_file) and auth.jwt.secret");
    let with_token = format!("{exposed}[auth]\nadmin_token = \"{}\"\n", "t".repeat(32));
    Setting::new(&with_token).assert_problem(place, "or set auth.jwt.secret");
    Setting::new(&format!("{with_token}jwt.secret = \"{}\"", "s".repeat(32))).load();
    Setting::new("").listen("[::1]:0").load();
    Setting::new("").listen("[::]:0").assert_problem("argument --listen: ", "generated for this one");
}

#[test]
fn limits_that_would_let_nobody_in_are_refused() {
    for (toml, key) in [
        ("[server]\nmax_connections = 0", "max_connections"),
        ("[server]\nmax_concurrent_requests = 0", "max_concurrent_requests"),
        ("[server]\nrequest_timeout = \"10ms\"", "request_timeout"),
        ("[server]\nrate_limit.burst = 0", "rate_limit.burst"),
        ("[server]\nlog.level = \"=,=\"", "log.level"),
        ("[server]\npublic_url = \"https://a.example/path\"", "public_url"),
        ("[cleanup]\ngrace = \"1s\"", "grace"),
    ] {
        Setting::new(toml).assert_problem("strongroom.toml:2:", key);
    }
    assert_eq!(
        Setting::new("server.rate_limit = { per_second = 0, burst = 0 }").load().server.rate_limit.per_second,
        0
    );
}
