//! What a space can be told, and what it may not.

use std::time::Duration;

use super::Setting;
use crate::config::{AllowedOrigin, Placeholder, Rule, Rules, Space, is_active};

fn space(toml: &str) -> Space {
    Setting::new(&format!("[spaces.a]\n{toml}")).load().spaces.remove("a").unwrap()
}

#[track_caller]
fn refused(toml: &str, part: &str) {
    Setting::new(&format!("[spaces.a]\n{toml}")).assert_problem("strongroom.toml:2:", part);
}

#[test]
fn a_space_says_where_who_what_and_how_long() {
    let space = space(
        "key = \"profiles/{owner}/{id}.{ext}\"\naccept = [\"image/*\", \"application/pdf\"]\nmax_bytes = \"25 MiB\"\n\
         write = [\"owner\"]\nread = [\"public\"]\nlist = [\"role:editor\"]\ndelete = [\"key:janitor\", \"creator\"]\n\
         links = { minimum = \"1h\", window = \"0s\" }\nuploads.expires = \"1h 30m\"\n\
         origins = [\"*\", \"https://A.example:443/\"]\ndeleted_retention = \"7d\"\n\
         quota = { owner_bytes = \"2GB\", owner_objects = 3, space_bytes = 4096, space_objects = 5 }",
    );
    assert_eq!(space.max_bytes, Some(25 * 1024 * 1024));
    assert_eq!(space.read, Rules::new([Rule::Public]));
    assert_eq!(space.delete, Rules::new([Rule::Key("janitor".to_owned()), Rule::Creator]));
    assert_eq!(space.links.minimum, Duration::from_hours(1));
    assert_eq!(space.uploads.expires, Duration::from_mins(90));
    assert_eq!(space.quota.owner_bytes, Some(2_000_000_000));
    assert_eq!(space.quota.space_bytes, Some(4096));
    assert_eq!(space.origins.iter().map(AllowedOrigin::as_str).collect::<Vec<_>>(), ["*", "https://a.example"]);
    assert_eq!(space.deleted_retention, Duration::from_hours(7 * 24));
}

#[test]
fn the_space_that_is_there_by_itself_belongs_to_owners_and_to_services() {
    let files = Setting::new("").load().spaces.remove("files").unwrap();
    for rules in [&files.write, &files.read, &files.list, &files.delete] {
        assert!(rules.contains(&Rule::Owner) && rules.contains(&Rule::Key("files".to_owned())));
        assert!(!rules.contains(&Rule::Public) && !rules.contains(&Rule::SignedIn));
    }
    Setting::new("[spaces]").assert_problem("strongroom.toml:1:2: spaces: ", "declares no space");
}

#[test]
fn a_key_pattern_is_filled_in_one_way() {
    let template = space("key = \"profiles/{owner}/{id}.{ext}\"").key;
    let key = template.fill(|placeholder| match placeholder {
        Placeholder::Owner => "ann",
        Placeholder::Id => "17",
        Placeholder::Ext => "jpg",
        Placeholder::Space | Placeholder::Group | Placeholder::Variant => unreachable!("the pattern does not hold it"),
    });
    assert_eq!(key, "profiles/ann/17.jpg");
    assert!(template.holds(Placeholder::Owner) && !template.holds(Placeholder::Group));
    assert_eq!(Space::default().key, "{space}/{owner}/{id}.{ext}".parse().unwrap());
}

#[test]
fn key_patterns_that_could_lead_astray_are_refused() {
    for (pattern, part) in [
        ("", "must hold {id}"),
        ("files/{owner}", "must hold {id}"),
        ("files/{id}/{variant}", "variant_key"),
        ("{owner}/{id}", "something users choose"),
        ("x{group}/{id}", "something users choose"),
        ("staging/{id}", "unverified uploads"),
        ("/files/{id}", "segment"),
        ("files//{id}", "segment"),
        ("files/../{id}", "segment"),
        ("files/./{id}", "segment"),
        ("files/{id}/", "segment"),
        ("files/{name}/{id}", "unknown placeholder {name}"),
        ("files/{id", "without its }"),
        ("files/{id}?x", "character '?'"),
        ("fi les/{id}", "character ' '"),
        ("files\\\\{id}", "character '\\\\'"),
        ("files/%2e%2e/{id}", "character '%'"),
        ("fil\u{e9}s/{id}", "character"),
    ] {
        refused(&format!("key = \"{pattern}\""), part);
    }
    refused(&format!("key = \"{}/{{id}}\"", "x".repeat(256)), "longer than 256 bytes");
    for (pattern, part) in [
        ("generated/{id}.{ext}", "must hold {id} and {variant}"),
        ("generated/{variant}", "must hold {id} and {variant}"),
        ("{owner}/{id}/{variant}", "something users choose"),
        ("staging/{id}/{variant}", "unverified uploads"),
        ("made/{id}//{variant}", "segment"),
    ] {
        refused(&format!("variant_key = \"{pattern}\""), part);
    }
    let own = space("variant_key = \"{space}/{owner}/{id}/{variant}.{ext}\"").variant_key;
    assert_eq!(own.template().to_string(), "{space}/{owner}/{id}/{variant}.{ext}");
    assert_eq!(Space::default().variant_key, "generated/{id}/{variant}.{ext}".to_owned().try_into().unwrap());
}

#[test]
fn a_space_cannot_lie_where_uploads_wait() {
    Setting::new("[spaces.staging]").assert_problem("strongroom.toml:1:9: spaces.staging: ", "another name");
    Setting::new("[spaces.staging]\nkey = \"elsewhere/{id}\"").load();
    Setting::new("[spaces.staging]\nkey = \"elsewhere/{id}\"\nvariant_key = \"{space}/{id}/{variant}\"")
        .assert_problem("strongroom.toml:1:9: spaces.staging: ", "another name");
}

#[test]
fn rules_that_are_none_are_refused() {
    refused("write = [\"ownr\"]", "did you mean \"owner\"?");
    refused("read = [\"role:\"]", "needs a name");
    refused("read = [\"role:two words\"]", "needs a name");
    refused("list = [\"everyone\"]", "the rules are");
    refused("delete = \"owner\"", "must be a list");
}

#[test]
fn an_empty_list_of_rules_leaves_the_administrator_alone() {
    assert_eq!(space("delete = []").delete, Rules::default());
}

#[test]
fn lives_and_sizes_that_cannot_be_are_refused() {
    refused("links = { minimum = \"0s\" }", "over already");
    refused("links.minimum = \"500ms\"", "over already");
    refused("uploads.expires = \"8d\"", "\"7d\"");
    refused("max_bytes = 0", "would accept nothing");
    refused("max_bytes = \"many\"", "is not a size");
    refused("accept = []", "would accept nothing");
    refused("accept = [\"jpeg\"]", "is not a content type");
    refused("origins = [\"app.example.com\"]", "write \"https://app.example.com\"");
    let toml = "[spaces.a.links]\nminimum = \"7d\"\nwindow = \"1s\"";
    Setting::new(toml).assert_problem("strongroom.toml:2:1: spaces.a.links.minimum = \"7d\": ", "7 days");
    let toml = "[spaces.a.links]\nminimum = \"1500ms\"";
    Setting::new(toml).assert_problem("strongroom.toml:2:1: spaces.a.links.minimum", "whole seconds");
}

#[test]
fn names_that_would_not_stand_in_a_url_are_refused_with_one_that_would() {
    let place = "strongroom.toml:1:9: spaces.Profile_Photos: ";
    Setting::new("[spaces.Profile_Photos]").assert_problem(place, "such as \"profile-photos\"");
    for name in ["\"\"", "\"a b\"", "\"a/b\"", "\"..\"", "-a", "\"\u{e9}\""] {
        Setting::new(&format!("[spaces.{name}]")).assert_problem("strongroom.toml:1:9: ", "is not the name of a space");
    }
}

#[test]
fn families_of_types_never_include_what_a_browser_would_run() {
    let accept = space("accept = [\"image/*\", \"application/pdf\"]").accept;
    assert!(accept.allows("image/png") && accept.allows("IMAGE/PNG; x=y") && accept.allows("application/pdf"));
    assert!(!accept.allows("image/svg+xml") && !accept.allows("text/plain") && !accept.allows("imagex/png"));
    let named = space("accept = [\"image/svg+xml\"]").accept;
    assert!(named.allows("image/svg+xml"));
    let anything = space("").accept;
    assert!(anything.allows("application/octet-stream") && !anything.allows("text/html"));
}

#[test]
fn active_types_are_known_in_every_spelling() {
    for active in [
        "text/html",
        "Text/HTML; charset=utf-8",
        "image/svg+xml",
        "application/xhtml+xml",
        "application/xml",
        "text/xsl",
        "text/javascript",
        "application/x-javascript",
        "application/atom+xml",
        "multipart/x-mixed-replace",
        "message/rfc822",
    ] {
        assert!(is_active(active), "{active}");
    }
    let office = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    for passive in ["image/png", "application/pdf", "text/plain", "application/json", "video/mp4", office] {
        assert!(!is_active(passive), "{passive}");
    }
}

#[test]
fn a_space_that_anybody_may_fill_is_allowed_with_a_warning() {
    let setting = Setting::new("[spaces.a]\nwrite = [\"public\"]");
    assert!(setting.warnings()[0].contains("lets anybody hand files in"), "{:?}", setting.warnings());
}
