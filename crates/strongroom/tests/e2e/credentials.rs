//! Where the service finds the credentials of its identities, and what happens as they come and go. The store is a real
//! one; AWS's STS, its containers and its machines cannot be here, so small servers answer in their place.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::app::{App, program};
use crate::caller::{open, text};
use crate::files;
use crate::standin::{Asked, StandIn};
use crate::tokens;
use crate::ways::{Way, begin, hand_in, handed, object};

const SPACE: &str = "\n[spaces.files]\nread = [\"owner\"]\nwrite = [\"owner\"]\nlist = [\"owner\"]\nlinks = { minimum = \"10m\", window = \"1m\" }\n";

/// How often something is looked for that has to come.
const LOOKS: usize = 800;

/// A configuration whose bucket lies in this store; the rest of the section on storage follows.
fn bucket_in(store: &App, identities: &str) -> String {
    format!(
        "[storage]\nprovider = \"seaweedfs\"\nbucket = \"strongroom\"\nregion = \"us-east-1\"\nendpoint = \"{}\"\n{identities}{}{SPACE}",
        store.store(),
        tokens::configuration()
    )
}

/// Makes a key of the store, that ends after this time if one is given.
fn mint(store: &App, name: &str, expires: Option<&str>) -> Value {
    let mut words = vec!["store", "keys", "create", "--name", name, "--bucket", "strongroom", "--allow", "all"];
    if let Some(time) = expires {
        words.extend(["--expires", time]);
    }
    words.push("--json");
    store.command_json(&words)
}

/// What a container or a machine tells of a key.
fn document(key: &Value, seconds: i64) -> String {
    let end = jiff::Timestamp::from_second(tokens::now() + seconds).unwrap();
    json!({
        "Code": "Success",
        "AccessKeyId": key["access_key_id"],
        "SecretAccessKey": key["secret_access_key"],
        "Token": "",
        "Expiration": end.to_string(),
    })
    .to_string()
}

/// What STS tells of a key.
fn assumed(action: &str, key: &Value, seconds: i64) -> String {
    let end = jiff::Timestamp::from_second(tokens::now() + seconds).unwrap();
    format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><Credentials>\
         <AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey><SessionToken></SessionToken>\
         <Expiration>{end}</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>A:s</AssumedRoleId>\
         <Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn></AssumedRoleUser></{action}Result></{action}Response>",
        text(&key["access_key_id"]),
        text(&key["secret_access_key"]),
    )
}

/// A link, the key that signed it, and how many seconds it is said to live.
async fn link(app: &App, id: &str) -> (String, String, i64) {
    let object = app.user("alice").get(&format!("/v1/objects/{id}")).await.ok(200);
    let url = text(&object["link"]["url"]).to_owned();
    let end: jiff::Timestamp = text(&object["link"]["expires_at"]).parse().unwrap();
    let key = url.split("X-Amz-Credential=").nth(1).and_then(|rest| rest.split("%2F").next()).unwrap().to_owned();
    (url, key, end.as_second() - tokens::now())
}

async fn a_while() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// Waits until the metrics hold a line that begins so.
async fn counted(app: &App, beginning: &str) {
    for _ in 0..LOOKS {
        let metrics = app.anonymous().get("/metrics").await.text();
        if metrics.lines().any(|line| line.starts_with(beginning) && !line.ends_with(" 0")) {
            return;
        }
        a_while().await;
    }
    panic!("nothing began with {beginning}: {}", app.anonymous().get("/metrics").await.text());
}

#[tokio::test]
async fn keys_that_end_are_replaced_before_they_do_and_no_request_fails() {
    let store = App::start_embedded(SPACE);
    // The first key really ends: the store refuses it from then on.
    let (first, second) = (mint(&store, "first", Some("9s")), mint(&store, "second", None));
    let told = Arc::new(Mutex::new(document(&first, 8)));
    let tells = Arc::clone(&told);
    let container = StandIn::start(move |_| (200, tells.lock().unwrap().clone()));
    let variable = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", container.url());
    let app = App::start_external_in(&bucket_in(&store, ""), &[variable]);
    let alice = app.user("alice");
    let bytes = files::png(1);
    let file = handed("files", "a.png", "image/png", &bytes);
    let id = text(&object(&alice, Way::Raw, &file).await["id"]).to_owned();

    // The space promises ten minutes, and the keys have eight seconds: what is said is what holds.
    let (url, key, life) = link(&app, &id).await;
    assert_eq!(key, text(&first["access_key_id"]));
    assert!((1..=8).contains(&life), "{life}");
    assert_eq!(open(&url).await.status, 200);
    for way in Way::DIRECT {
        let upload = begin(&alice, way, &file).await.ok(201);
        let end: jiff::Timestamp = text(&upload["urls_expire_at"]).parse().unwrap();
        assert!(end.as_second() - tokens::now() <= 8, "{upload}");
        let whole: jiff::Timestamp = text(&upload["expires_at"]).parse().unwrap();
        assert!(whole > end, "{upload}");
    }

    *told.lock().unwrap() = document(&second, 3600);
    for _ in 0..LOOKS {
        object(&alice, Way::Put, &file).await;
        let (url, key, life) = link(&app, &id).await;
        assert_eq!(open(&url).await.status, 200);
        if key == text(&second["access_key_id"]) {
            assert!(life >= 600, "{life}");
            counted(&app, "strongroom_storage_credentials_fetched_total{identity=\"reader\",outcome=\"new\"}").await;
            counted(&app, "strongroom_storage_credentials_end_timestamp_seconds{identity=\"janitor\"}").await;
            return;
        }
        a_while().await;
    }
    panic!("the second key never came:\n{}", app.log());
}

#[tokio::test]
async fn keys_that_cannot_be_replaced_are_used_to_their_end_and_then_nothing_is_signed() {
    let store = App::start_embedded(SPACE);
    let (first, second) = (mint(&store, "first", Some("22s")), mint(&store, "second", None));
    let told = Arc::new(Mutex::new((200, document(&first, 20))));
    let tells = Arc::clone(&told);
    let container = StandIn::start(move |_| tells.lock().unwrap().clone());
    let variable = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", container.url());
    let app = App::start_external_in(&bucket_in(&store, ""), &[variable]);
    let alice = app.user("alice");
    let bytes = files::png(1);
    let file = handed("files", "a.png", "image/png", &bytes);
    let id = text(&object(&alice, Way::Raw, &file).await["id"]).to_owned();
    *told.lock().unwrap() = (500, "the test says no".to_owned());

    counted(&app, "strongroom_storage_credentials_fetched_total{identity=\"reader\",outcome=\"failed\"}").await;
    assert_eq!(app.anonymous().get("/readyz").await.status, 200);
    let status = app.admin().get("/v1/status").await.ok(200);
    assert_eq!(status["status"], "ok");
    assert!(text(&status["storage"]["detail"]).contains("could not be fetched anew"), "{status}");
    assert_eq!(open(&link(&app, &id).await.0).await.status, 200);

    let path = format!("/v1/objects/{id}");
    let mut answer = alice.get(&path).await;
    for _ in 0..LOOKS {
        if answer.status != 200 {
            break;
        }
        a_while().await;
        answer = alice.get(&path).await;
    }
    assert!(!answer.header("retry-after").is_empty());
    answer.refused(503, "storage-unavailable");
    // What it said last is said again for a moment.
    let mut ready = app.anonymous().get("/readyz").await.status;
    for _ in 0..LOOKS {
        if ready == 503 {
            break;
        }
        a_while().await;
        ready = app.anonymous().get("/readyz").await.status;
    }
    assert_eq!(ready, 503);
    hand_in(&alice, Way::Put, &file).await.refused(503, "storage-unavailable");

    *told.lock().unwrap() = (200, document(&second, 3600));
    for _ in 0..LOOKS {
        if alice.get(&path).await.status == 200 {
            assert_eq!(open(&link(&app, &id).await.0).await.status, 200);
            return;
        }
        a_while().await;
    }
    panic!("it did not recover:\n{}", app.log());
}

#[tokio::test]
async fn a_machine_gives_its_keys_to_who_asks_as_version_two_wants_it() {
    let store = App::start_embedded(SPACE);
    let key = mint(&store, "machine", None);
    let told = document(&key, 21_600);
    let machine = StandIn::start(move |asked: &Asked| match asked.line.as_str() {
        "PUT /latest/api/token" => (200, "t0ken".to_owned()),
        _ if asked.header("x-aws-ec2-metadata-token") != Some("t0ken") => (401, String::new()),
        "GET /latest/meta-data/iam/security-credentials/media" => (200, told.clone()),
        line if line.starts_with("GET /latest/meta-data/iam/security-credentials") => (200, "media".to_owned()),
        _ => (404, String::new()),
    });
    let variable = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", machine.url());
    let app = App::start_external_in(&bucket_in(&store, ""), &[variable]);
    let bytes = files::png(1);
    let made = object(&app.user("alice"), Way::Multipart, &handed("files", "a.png", "image/png", &bytes)).await;
    let (url, signed_by, _) = link(&app, text(&made["id"])).await;
    assert_eq!((open(&url).await.status, signed_by.as_str()), (200, text(&key["access_key_id"])));
}

#[tokio::test]
async fn a_web_identity_becomes_a_role() {
    let store = App::start_embedded(SPACE);
    let key = mint(&store, "web", None);
    let told = key.clone();
    let sts = StandIn::start(move |_| (200, assumed("AssumeRoleWithWebIdentity", &told, 3600)));
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "who.we.are").unwrap();
    let variables = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap()),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/media"),
        ("AWS_ENDPOINT_URL_STS", sts.url()),
    ];
    let app = App::start_external_in(&bucket_in(&store, ""), &variables);
    let bytes = files::png(1);
    let made = object(&app.user("alice"), Way::Put, &handed("files", "a.png", "image/png", &bytes)).await;
    assert_eq!(link(&app, text(&made["id"])).await.1, text(&key["access_key_id"]));
    let asked = sts.asked();
    let [asked] = asked.as_slice() else { panic!("one set for all is fetched once: {asked:?}") };
    for part in ["Action=AssumeRoleWithWebIdentity", "WebIdentityToken=who.we.are", "role%2Fmedia"] {
        assert!(asked.body.contains(part), "no {part} in {}", asked.body);
    }
}

#[tokio::test]
async fn each_identity_takes_its_own_role_on() {
    let store = App::start_embedded(SPACE);
    let keys = store.command_json(&["store", "keys", "--json"]);
    let told = keys.clone();
    let sts = StandIn::start(move |asked: &Asked| {
        let role =
            ["reader", "writer", "janitor"].into_iter().find(|role| asked.body.contains(&format!("role%2F{role}")));
        match role {
            Some(role) => (200, assumed("AssumeRole", &told[role], 3600)),
            None => (400, String::new()),
        }
    });
    let identity = |name: &str, more: &str| {
        format!("[storage.{name}]\nrole_arn = \"arn:aws:iam::123456789012:role/{name}\"\n{more}")
    };
    let identities = identity("reader", "external_id = \"ours\"\n")
        + &identity("writer", "role_session_name = \"w@media\"\n")
        + &identity("janitor", "access_key_id = \"AKIDJANITOR\"\nsecret_access_key = \"base\"\n");
    let variables =
        [("AWS_ACCESS_KEY_ID", "AKIDBASE"), ("AWS_SECRET_ACCESS_KEY", "base"), ("AWS_ENDPOINT_URL_STS", sts.url())];
    let app = App::start_external_in(&bucket_in(&store, &identities), &variables);
    let bytes = files::png(1);
    let file = handed("files", "a.png", "image/png", &bytes);
    for way in Way::ALL {
        let made = object(&app.user("alice"), way, &file).await;
        let (url, signed_by, _) = link(&app, text(&made["id"])).await;
        assert_eq!((open(&url).await.status, signed_by.as_str()), (200, text(&keys["reader"]["access_key_id"])));
    }
    let asked = sts.asked();
    assert_eq!(asked.len(), 3, "{asked:?}");
    let of = |role: &str| asked.iter().find(|asked| asked.body.contains(&format!("role%2F{role}"))).unwrap();
    assert!(of("reader").body.contains("ExternalId=ours") && of("reader").body.contains("=strongroom-reader"));
    assert!(of("writer").body.contains("RoleSessionName=w%40media") && !of("writer").body.contains("ExternalId"));
    let signer = |role: &str| of(role).header("authorization").unwrap_or_default().to_owned();
    assert!(signer("writer").contains("Credential=AKIDBASE/") && signer("janitor").contains("Credential=AKIDJANITOR/"));
}

#[tokio::test]
async fn a_profile_may_have_a_program_that_fetches_its_keys() {
    let store = App::start_embedded(SPACE);
    let key = mint(&store, "program", None);
    let home = tempfile::tempdir().unwrap();
    let printed = json!({
        "Version": 1, "AccessKeyId": key["access_key_id"], "SecretAccessKey": key["secret_access_key"],
    });
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    std::fs::write(home.path().join("keys"), printed.to_string()).unwrap();
    let program = format!("[profile media]\ncredential_process = cat {}\n", home.path().join("keys").display());
    std::fs::write(home.path().join(".aws/config"), program).unwrap();
    let variables = [("HOME", home.path().to_str().unwrap()), ("PATH", "/usr/bin:/bin")];
    let app = App::start_external_in(&bucket_in(&store, "[storage.all]\nprofile = \"media\"\n"), &variables);
    let bytes = files::png(1);
    let made = object(&app.user("alice"), Way::Post, &handed("files", "a.png", "image/png", &bytes)).await;
    assert_eq!(link(&app, text(&made["id"])).await.1, text(&key["access_key_id"]));
}

#[tokio::test]
async fn a_service_that_finds_no_credentials_says_where_it_looked_and_what_to_do() {
    let store = App::start_embedded(SPACE);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("strongroom.toml");
    let refused = |identities: &str, variables: &[(&str, &str)]| {
        std::fs::write(&file, bucket_in(&store, identities)).unwrap();
        let mut command = program(&["serve", "--listen", "127.0.0.1:0"], &file, &folder.path().join("data"));
        let output = command.envs(variables.iter().copied()).stdout(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    // One that is told something wrong has what is secret in its hands, too.
    let broken = StandIn::start(|_| (201, "the-secret-itself".to_owned()));
    let words = refused("", &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", broken.url())]);
    assert!(words.contains("could not be fetched") && !words.contains("the-secret-itself"), "{words}");
    let nowhere = ("AWS_EC2_METADATA_DISABLED", "true");
    let words = refused("", &[nowhere]);
    assert!(words.contains("the credentials of the reader, writer, janitor could not be fetched"), "{words}");
    assert!(words.contains("AWS_ACCESS_KEY_ID"), "{words}");
    let words = refused("[storage.all]\nprofile = \"nobody\"\n", &[nowhere, ("HOME", "/nowhere")]);
    assert!(words.contains("`nobody`"), "{words}");

    let fault = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
                 <Message>not authorized to perform sts:AssumeRole</Message></Error></ErrorResponse>";
    let sts = StandIn::start(|_| (403, fault.to_owned()));
    let role = "[storage.all]\nrole_arn = \"arn:aws:iam::123456789012:role/media\"\naccess_key_id = \"AKIDBASE\"\n\
                secret_access_key = \"the-secret-itself\"\n";
    let words = refused(role, &[("AWS_ENDPOINT_URL_STS", sts.url())]);
    assert!(words.contains("arn:aws:iam::123456789012:role/media"), "{words}");
    assert!(words.contains("not authorized to perform sts:AssumeRole"), "{words}");
    assert!(!words.contains("the-secret-itself"), "{words}");
}
