//! Which of the usual places counts, and what each refusal says.

use super::Aws;

const CREDENTIALS: &str = "[default]\naws_access_key_id = AKDEFAULT\naws_secret_access_key = s-default\n\
    [both]\naws_access_key_id = AKBOTH\naws_secret_access_key = s-both\n\
    [beside]\naws_access_key_id = AKBESIDE\naws_secret_access_key = s-beside\ncredential_process = /bin/true\n\
    [half]\naws_access_key_id = AKHALF\n";
const CONFIG: &str = "[default]\nregion = eu-north-1\n\
    [profile both]\nregion = eu-west-3\nservices = local\naws_access_key_id = AKOLD\naws_secret_access_key = s-old\n\
    aws_session_token = old\n\
    [services local]\ns3 =\n  endpoint_url = http://127.0.0.1:9000\n  addressing_style = path\n\
    [profile sso]\nsso_session = office\n[profile role]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = default\n\
    [profile process]\ncredential_process = /bin/true\n\
    [profile mixed]\ncredential_process = /bin/true\naws_access_key_id = AKMIXED\naws_secret_access_key = s-mixed\n\
    [profile ignoring]\nendpoint_url = http://z\nignore_configured_endpoint_urls = TRUE\n[profile empty]\nregion = x\n";

/// Reads with two files and these variables.
fn read(variables: &[(&str, &str)], profile: Option<&str>) -> Result<Aws, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".aws")).unwrap();
    std::fs::write(folder.path().join(".aws/credentials"), CREDENTIALS).unwrap();
    std::fs::write(folder.path().join(".aws/config"), CONFIG).unwrap();
    let mut environment = vec![("HOME".to_owned(), folder.path().display().to_string())];
    environment.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Aws::read(&environment, profile).map_err(|error| error.to_string())
}

fn key(variables: &[(&str, &str)], profile: Option<&str>) -> Result<String, String> {
    let credentials = read(variables, profile)?.credentials().map_err(|error| error.to_string())?;
    Ok(credentials.access_key().to_owned())
}

const OWN: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKENV"), ("AWS_SECRET_ACCESS_KEY", "s-env")];

#[test]
fn the_nearest_place_counts() {
    assert_eq!(key(&[], None).unwrap(), "AKDEFAULT");
    assert_eq!(key(&[("AWS_PROFILE", "both")], None).unwrap(), "AKBOTH");
    assert_eq!(key(&OWN, None).unwrap(), "AKENV");
    assert_eq!(key(&[OWN[0], OWN[1], ("AWS_PROFILE", "both")], None).unwrap(), "AKENV");
    assert_eq!(key(&OWN, Some("both")).unwrap(), "AKBOTH");
    assert_eq!(key(&[("AWS_PROFILE", "both")], Some("default")).unwrap(), "AKDEFAULT");
    assert_eq!(key(&[("AWS_ACCESS_KEY_ID", "")], None).unwrap(), "AKDEFAULT");
}

#[test]
fn halves_of_two_keys_never_make_one() {
    let both = read(&[], Some("both")).unwrap().credentials().unwrap();
    assert_eq!((both.secret_key(), both.session_token()), ("s-both", None));
}

#[test]
fn region_endpoint_and_addressing_come_with_the_profile() {
    let aws = read(&[], Some("both")).unwrap();
    assert_eq!(aws.region(), Some("eu-west-3"));
    assert_eq!(aws.endpoint(), Some("http://127.0.0.1:9000"));
    assert_eq!(aws.addressing_style(), Some("path"));
    let variables = [("AWS_DEFAULT_REGION", "a"), ("AWS_ENDPOINT_URL", "http://x")];
    let aws = read(&variables, Some("both")).unwrap();
    assert_eq!((aws.region(), aws.endpoint()), (Some("a"), Some("http://x")));
    let variables = [("AWS_REGION", "b"), variables[0], variables[1], ("AWS_ENDPOINT_URL_S3", "http://y")];
    let aws = read(&variables, None).unwrap();
    assert_eq!((aws.region(), aws.endpoint()), (Some("b"), Some("http://y")));
}

#[test]
fn configured_endpoints_are_ignored_where_that_is_said() {
    const IGNORE: &str = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";
    for (variables, profile, endpoint) in [
        (&[(IGNORE, "true")][..], "both", None),
        (&[(IGNORE, "True"), ("AWS_ENDPOINT_URL_S3", "http://y")], "both", None),
        (&[(IGNORE, "no")], "both", Some("http://127.0.0.1:9000")),
        (&[], "ignoring", None),
        (&[("AWS_ENDPOINT_URL", "http://y")], "ignoring", None),
        (&[(IGNORE, "false")], "ignoring", Some("http://z")),
    ] {
        assert_eq!(read(variables, Some(profile)).unwrap().endpoint(), endpoint, "{variables:?} {profile}");
    }
}

#[test]
fn a_process_goes_before_the_keys_of_the_config_file_alone() {
    assert_eq!(key(&[], Some("beside")).unwrap(), "AKBESIDE");
    assert!(key(&[], Some("mixed")).unwrap_err().contains("credential_process"));
}

#[test]
fn temporary_credentials_bring_their_end() {
    let mut variables = OWN.to_vec();
    variables.extend([("AWS_SESSION_TOKEN", "tok"), ("AWS_CREDENTIAL_EXPIRATION", "2026-01-31T12:00:00+00:00")]);
    let credentials = read(&variables, None).unwrap().credentials().unwrap();
    assert_eq!((credentials.session_token(), credentials.expires_at()), (Some("tok"), Some(1_769_860_800)));
    variables[3].1 = "soon";
    assert!(key(&variables, None).unwrap_err().contains("AWS_CREDENTIAL_EXPIRATION"));
}

#[test]
fn what_has_to_be_fetched_is_refused_with_the_command_that_fetches_it() {
    for (profile, setting) in [("sso", "sso_session"), ("role", "role_arn"), ("process", "credential_process")] {
        let said = key(&[], Some(profile)).unwrap_err();
        assert!(said.contains(setting), "{said}");
        assert!(said.contains(&format!("export-credentials --profile '{profile}' --format env")), "{said}");
    }
}

#[test]
fn refusals_name_the_place_and_the_mend_and_no_secret() {
    for (variables, profile, words) in [
        (&[][..], Some("dance"), &["`dance`", "`beside`, `both`, `default`", ".aws/config"][..]),
        (&[("AWS_PROFILE", "dance")], None, &["`dance`"]),
        (&[], Some("half"), &["`half`", "aws_secret_access_key"]),
        (&[], Some("empty"), &["no credentials", "AWS_ACCESS_KEY_ID", "--profile"]),
        (&[OWN[0]], None, &["the environment", "AWS_SECRET_ACCESS_KEY"]),
        (&[OWN[1]], None, &["the environment", "AWS_ACCESS_KEY_ID"]),
        (&[("AWS_ACCESS_KEY_ID", "a/b"), OWN[1]], None, &["access key"]),
        (&[("AWS_CONFIG_FILE", "/")], None, &["/ cannot be read", "AWS_CONFIG_FILE"]),
    ] {
        let said = key(variables, profile).unwrap_err();
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
        assert!(!said.contains("s-"), "{said}");
    }
}

#[test]
fn files_are_looked_for_where_the_variables_say() {
    let variables = [("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"), ("AWS_CONFIG_FILE", "~/.aws/config")];
    assert!(key(&variables, None).unwrap_err().contains("no credentials"));
    assert_eq!(read(&variables, None).unwrap().region(), Some("eu-north-1"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broken");
    std::fs::write(&file, "[default]\naws_secret_access_key s-1\n").unwrap();
    let said = key(&[("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap())], None).unwrap_err();
    assert!(said.contains("line 2 of") && !said.contains("s-1"), "{said}");
}
