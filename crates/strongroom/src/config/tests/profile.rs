//! The profiles of providers: guessed where that is sure, laid over, held against contradictions, and documented.

use super::Setting;
use crate::config::{Addressing, Profile, Provider, Storage, UploadAcl, size};

const KEYS: &str = "
[storage.all]
access_key_id = \"A\"
secret_access_key = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"
";

fn storage(lines: &str) -> Storage {
    Setting::new(&format!("[storage]\nbucket = \"media\"\nregion = \"x\"\n{lines}\n{KEYS}")).load().storage
}

#[test]
fn the_host_of_the_endpoint_names_the_provider_where_that_is_sure() {
    for (endpoint, provider) in [
        ("https://s3.eu-central-1.amazonaws.com", Provider::Aws),
        ("https://s3.cn-north-1.amazonaws.com.cn", Provider::Aws),
        ("https://fra1.digitaloceanspaces.com", Provider::Spaces),
        ("https://0123456789.r2.cloudflarestorage.com", Provider::R2),
        ("https://s3.eu-central-003.backblazeb2.com", Provider::B2),
        ("https://notamazonaws.com", Provider::Generic),
        ("https://amazonaws.com.example.com", Provider::Generic),
        ("http://127.0.0.1:9000", Provider::Generic),
    ] {
        assert_eq!(storage(&format!("endpoint = \"{endpoint}\"")).provider, provider, "{endpoint}");
    }
    assert_eq!(storage("").provider, Provider::Aws);
    assert_eq!(Setting::new("").load().storage.provider, Provider::Embedded);
}

#[test]
fn a_named_provider_counts_before_the_endpoint_and_brings_its_addressing() {
    let named = storage("endpoint = \"https://objects.example.com\"\nprovider = \"spaces\"");
    assert_eq!((named.provider, named.profile.addressing), (Provider::Spaces, Addressing::VirtualHost));
    let other = storage("endpoint = \"https://fra1.digitaloceanspaces.com\"\naddressing = \"path\"");
    assert_eq!((other.provider, other.profile.addressing), (Provider::Spaces, Addressing::Path));
}

#[test]
fn what_is_said_of_a_storage_counts_before_what_is_known_of_its_provider() {
    let lines = "endpoint = \"http://store\"\nprovider = \"garage\"\n[storage.profile]\nform_post = false\n\
         checksums = true\nupload_acl = \"private\"\nobeys_unsigned_headers = false\nconditional_put = true\n\
         bucket_cors = false\nlongest_put = \"1 GiB\"\nlongest_copy = \"6 MiB\"\nmost_parts = 1000\n\
         copies_in_parts = false";
    let said = Profile {
        addressing: Addressing::Path,
        form_post: false,
        checksums: true,
        upload_acl: UploadAcl::Private,
        obeys_unsigned_headers: false,
        conditional_put: true,
        signature_version_2: false,
        bucket_cors: false,
        longest_put: 1 << 30,
        longest_copy: 6 << 20,
        most_parts: 1000,
        copies_in_parts: false,
    };
    assert_eq!(storage(lines).profile, said);
    let embedded = Setting::new("[storage.profile]\nlongest_copy = \"6 MiB\"").load().storage.profile;
    assert_eq!(embedded, Profile { longest_copy: 6 << 20, ..Provider::Embedded.profile() });
}

#[test]
fn what_cannot_be_is_refused_with_its_mend() {
    let profile = |line: &str| Setting::new(&format!("[storage.profile]\n{line}"));
    profile("longest_copy = \"1 MiB\"").assert_problem("strongroom.toml:2:1: storage.profile.longest_copy", "5 MiB");
    profile("longest_put = 0").assert_problem("strongroom.toml:2:1: storage.profile.longest_put", "8 MiB");
    profile("most_parts = 0").assert_problem("strongroom.toml:2:1: storage.profile.most_parts", "1 to 10000");
    profile("conditional_put = true\nobeys_unsigned_headers = true").assert_problem(
        "strongroom.toml:2:1: storage.profile.conditional_put",
        "write obeys_unsigned_headers = false if the storage refuses",
    );
    Setting::new("storage.provider = \"aws\"").assert_problem("strongroom.toml:1:9: storage.provider", "not set");
    Setting::new("storage.provider = \"digitalocean\"")
        .assert_problem("strongroom.toml:1:9: storage.provider", "must be one of \"aws\", \"spaces\"");
}

#[test]
fn a_put_is_final_only_where_nothing_that_its_sender_adds_can_replace_anything() {
    let is_final = |provider: Provider| provider.profile().puts_are_final();
    let final_at: Vec<_> = Provider::ALL.into_iter().filter(|provider| is_final(*provider)).collect();
    assert_eq!(final_at, [Provider::Embedded, Provider::Aws, Provider::Seaweedfs]);
    let without = Setting::new("[storage.profile]\nobeys_unsigned_headers = true").load();
    assert!(!without.storage.profile.puts_are_final());
}

#[test]
fn the_documented_table_is_the_one_the_program_goes_by() {
    let documented = include_str!("../../../../../docs/providers.md");
    for provider in Provider::ALL {
        let row = row(provider);
        assert!(documented.contains(&row), "docs/providers.md lacks this row:\n{row}");
    }
}

fn row(provider: Provider) -> String {
    let profile = provider.profile();
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    let bytes = |bytes: u64| if bytes == u64::MAX { "any".to_owned() } else { size::show(bytes) };
    let cells = [
        format!("`{}`", provider.name()),
        match profile.addressing {
            Addressing::Path => "path",
            Addressing::VirtualHost => "virtual-host",
        }
        .to_owned(),
        yes(profile.form_post),
        yes(profile.checksums),
        profile.upload_acl.header().unwrap_or("none").to_owned(),
        yes(profile.obeys_unsigned_headers),
        yes(profile.conditional_put),
        yes(profile.signature_version_2),
        yes(profile.bucket_cors),
        bytes(profile.longest_put),
        bytes(profile.longest_copy),
        profile.most_parts.to_string(),
        yes(profile.copies_in_parts),
    ];
    format!("| {} |", cells.join(" | "))
}
