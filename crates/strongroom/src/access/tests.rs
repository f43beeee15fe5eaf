//! Every rule against every kind of principal.

use super::{Denied, ListFilter, ObjectFacts, Principal, PrincipalKind, SubjectError, check_subject, may_hand_in};
use crate::config::{Rule, Rules};

fn rules(names: &[&str]) -> Rules {
    Rules::new(names.iter().map(|name| name.parse().unwrap()))
}

fn user(subject: &str) -> Principal {
    Principal { subject: Some(subject.to_owned()), roles: Vec::new(), scopes: Vec::new(), kind: PrincipalKind::Jwt }
}

fn user_with_role(subject: &str, role: &str) -> Principal {
    Principal { roles: vec![role.to_owned()], ..user(subject) }
}

/// A service: an API key that is nobody in particular.
fn service(scope: &str) -> Principal {
    let kind = PrincipalKind::Key { id: "k1".to_owned() };
    Principal { subject: None, roles: Vec::new(), scopes: vec![scope.to_owned()], kind }
}

fn admin() -> Principal {
    service("admin")
}

/// Something that `ann` owns, `bob` handed in, and `cid` was given to see.
fn allows(rule: &str, principal: &Principal) -> bool {
    let shared_with = ["cid".to_owned()];
    let facts = ObjectFacts { owner: Some("ann"), creator: Some("bob"), shared_with: &shared_with };
    rules(&[rule]).allows(principal, &facts)
}

#[test]
fn each_rule_lets_in_whom_it_names_and_nobody_else() {
    let people = [
        ("anonymous", Principal::anonymous()),
        ("ann", user("ann")),
        ("bob", user("bob")),
        ("cid", user("cid")),
        ("eve", user("eve")),
        ("editor", user_with_role("eve", "editor")),
        ("service", service("files")),
    ];
    let expected: [(&str, &[&str]); 7] = [
        ("public", &["anonymous", "ann", "bob", "cid", "eve", "editor", "service"]),
        ("signed-in", &["ann", "bob", "cid", "eve", "editor", "service"]),
        ("owner", &["ann"]),
        ("creator", &["bob"]),
        ("shared", &["cid"]),
        ("role:editor", &["editor"]),
        ("key:files", &["service"]),
    ];
    for (rule, allowed) in expected {
        for (name, principal) in &people {
            assert_eq!(allows(rule, principal), allowed.contains(name), "{rule} for {name}");
        }
        assert!(allows(rule, &admin()), "{rule} for the administrator");
    }
}

#[test]
fn no_rules_let_the_administrator_in_alone() {
    assert!(rules(&[]).allows(&admin(), &ObjectFacts::default()));
    assert!(!rules(&[]).allows(&user("ann"), &ObjectFacts { owner: Some("ann"), ..ObjectFacts::default() }));
}

#[test]
fn what_belongs_to_nobody_belongs_to_no_anonymous_caller() {
    let nobodys = ObjectFacts::default();
    for rule in ["owner", "creator", "shared"] {
        assert!(!rules(&[rule]).allows(&Principal::anonymous(), &nobodys), "{rule}");
        assert!(!rules(&[rule]).allows(&service("files"), &nobodys), "{rule}");
    }
}

#[test]
fn roles_and_scopes_are_compared_whole() {
    assert!(!allows("role:editor", &user_with_role("eve", "editors")));
    assert!(!allows("role:editor", &user_with_role("eve", "Editor")));
    assert!(!allows("role:files", &service("files")));
    assert!(!allows("key:editor", &user_with_role("eve", "editor")));
}

#[test]
fn only_an_api_key_can_be_the_administrators() {
    let pretender = Principal { scopes: vec!["admin".to_owned()], roles: vec!["admin".to_owned()], ..user("eve") };
    assert!(!pretender.is_admin() && !allows("owner", &pretender));
    assert!(admin().is_admin());
}

#[test]
fn a_list_shows_exactly_what_the_rules_allow() {
    let filter = |names: &[&str], principal: &Principal| rules(names).list_filter(principal);
    let own = |owner: Option<&str>, creator: Option<&str>, shared: Option<&str>| ListFilter::Only {
        owner: owner.map(str::to_owned),
        creator: creator.map(str::to_owned),
        shared: shared.map(str::to_owned),
    };
    let ann = user("ann");
    assert_eq!(filter(&["public"], &Principal::anonymous()), ListFilter::Everything);
    assert_eq!(filter(&["signed-in"], &Principal::anonymous()), ListFilter::Nothing);
    assert_eq!(filter(&["owner", "signed-in"], &ann), ListFilter::Everything);
    assert_eq!(filter(&["owner"], &ann), own(Some("ann"), None, None));
    assert_eq!(filter(&["shared", "creator"], &ann), own(None, Some("ann"), Some("ann")));
    assert_eq!(filter(&["owner", "role:editor"], &user_with_role("ann", "editor")), ListFilter::Everything);
    assert_eq!(filter(&["owner"], &service("files")), ListFilter::Nothing);
    assert_eq!(filter(&["owner"], &admin()), ListFilter::Everything);
    assert_eq!(filter(&[], &ann), ListFilter::Nothing);
    assert!(rules(&["owner"]).allows_anything(&ann) && !rules(&["owner"]).allows_anything(&Principal::anonymous()));
}

#[test]
fn everybody_hands_in_for_themselves() {
    let ann = Ok(Some("ann".to_owned()));
    for rule in ["public", "signed-in", "owner", "creator"] {
        assert_eq!(may_hand_in(&rules(&[rule]), &user("ann"), None), ann, "{rule}");
        assert_eq!(may_hand_in(&rules(&[rule]), &user("ann"), Some("ann")), ann, "{rule}");
    }
    assert_eq!(may_hand_in(&rules(&["shared"]), &user("ann"), None), Err(Denied::NotAllowed));
    assert_eq!(may_hand_in(&rules(&["role:editor"]), &user("ann"), None), Err(Denied::NotAllowed));
    assert_eq!(may_hand_in(&rules(&["role:editor"]), &user_with_role("ann", "editor"), None), ann);
}

#[test]
fn only_a_named_role_or_scope_hands_in_for_somebody_else() {
    let everything = rules(&["public", "signed-in", "owner", "creator", "shared", "role:editor", "key:files"]);
    assert_eq!(may_hand_in(&everything, &user("eve"), Some("ann")), Err(Denied::NotForOthers));
    assert_eq!(may_hand_in(&everything, &Principal::anonymous(), Some("ann")), Err(Denied::NotForOthers));
    assert_eq!(may_hand_in(&everything, &service("other"), Some("ann")), Err(Denied::NotForOthers));
    for trusted in [user_with_role("eve", "editor"), service("files"), admin()] {
        assert_eq!(may_hand_in(&everything, &trusted, Some("ann")), Ok(Some("ann".to_owned())));
    }
    let long = "x".repeat(256);
    let denied = may_hand_in(&everything, &admin(), Some(&long));
    assert_eq!(denied, Err(Denied::Owner(SubjectError::TooLong)));
}

#[test]
fn who_is_nobody_hands_in_for_nobody() {
    assert_eq!(may_hand_in(&rules(&["public"]), &Principal::anonymous(), None), Ok(None));
    assert_eq!(may_hand_in(&rules(&["signed-in"]), &Principal::anonymous(), None), Err(Denied::NotAllowed));
    assert_eq!(may_hand_in(&rules(&["owner"]), &service("files"), None), Err(Denied::NotAllowed));
    assert_eq!(may_hand_in(&rules(&["key:files"]), &service("files"), None), Ok(None));
    assert_eq!(may_hand_in(&rules(&[]), &admin(), None), Ok(None));
}

#[test]
fn names_of_users_are_short_and_hold_nothing_that_controls() {
    assert_eq!(check_subject(&"x".repeat(255)), Ok(()));
    assert_eq!(check_subject("auth0|5f7c8ec7c33c6c004bbafe82"), Ok(()));
    assert_eq!(check_subject("../\u{1f9f5} %00"), Ok(()));
    assert_eq!(check_subject(""), Err(SubjectError::Empty));
    assert_eq!(check_subject(&"\u{e9}".repeat(128)), Err(SubjectError::TooLong));
    for control in ["a\0", "a\nb", "\u{7f}", "\u{85}"] {
        assert_eq!(check_subject(control), Err(SubjectError::ControlCharacter));
    }
}

#[test]
fn who_may_hand_in_may_not_change_what_others_handed_in() {
    let of_ann = ObjectFacts { owner: Some("ann"), creator: Some("ann"), shared_with: &[] };
    for rule in [Rule::Public, Rule::SignedIn] {
        let rules = Rules::new([rule]);
        assert!(rules.allows_change(&user("ann"), &of_ann));
        assert!(!rules.allows_change(&user("bob"), &of_ann));
        assert!(!rules.allows_change(&Principal::anonymous(), &of_ann));
    }
    let rules = Rules::new([Rule::Shared, Rule::Key("files".to_owned())]);
    assert!(rules.allows_change(&service("files"), &of_ann));
    assert!(rules.allows_change(&user("bob"), &ObjectFacts { shared_with: &["bob".to_owned()], ..of_ann }));
}
