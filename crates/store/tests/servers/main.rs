//! Links and forms used for real, with plain HTTP, at the embedded store, at SeaweedFS and at Ceph: every operation that
//! is presigned, and what has to be refused. The two servers are named by `STRONGROOM_TEST_SEAWEEDFS` and
//! `STRONGROOM_TEST_CEPH`, which `cargo xtask test --only servers` starts and sets.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report, in its helpers too")]

#[path = "../it/exchange.rs"]
mod exchange;
mod forms;
mod multipart;
mod objects;
mod place;
mod refusals;
mod wire;

/// The same tests once for each server, in a module of its name.
macro_rules! at_every_server {
    ($($tests:tt)*) => {
        tests_at! { embedded, $($tests)* }
        tests_at! { seaweedfs, $($tests)* }
        tests_at! { ceph, $($tests)* }
    };
}

macro_rules! tests_at {
    ($server:ident, $($module:ident::$test:ident,)*) => {
        mod $server {
            $(
                #[tokio::test]
                async fn $test() {
                    crate::$module::$test(&crate::place::$server().await).await;
                }
            )*
        }
    };
}

at_every_server! {
    objects::a_file_goes_in_by_a_link_and_out_by_another_and_away_by_a_third,
    objects::a_range_of_a_file_comes_by_its_link,
    objects::the_answer_bears_the_headers_that_the_link_asks_for,
    objects::signed_headers_are_kept_with_the_file,
    objects::a_link_that_must_not_overwrite_does_not,
    objects::a_link_copies_what_it_names,
    objects::a_link_lists_the_keys_below_a_prefix,
    objects::every_key_names_the_same_file_here_and_there,
    objects::a_link_may_name_the_bucket_in_its_host,
    objects::a_stable_link_stays_the_same_and_works,
    objects::old_stores_are_served_by_version_2,
    multipart::a_file_goes_in_by_links_for_its_parts,
    multipart::an_aborted_upload_takes_no_more_parts,
    forms::a_form_hands_a_file_in,
    forms::a_form_for_a_prefix_takes_the_name_of_the_file,
    forms::a_form_is_held_to_its_policy,
    forms::a_form_cannot_make_its_file_public,
    refusals::a_link_that_was_tampered_with_is_refused,
    refusals::a_link_that_has_ended_is_refused,
    refusals::a_link_for_one_method_is_refused_for_another,
    refusals::a_signed_header_that_is_missing_or_other_is_refused,
    refusals::a_link_signed_with_another_secret_is_refused,
    refusals::a_body_that_is_not_the_promised_one_is_refused,
    refusals::a_signed_acl_cannot_be_exchanged,
    refusals::an_upload_link_of_the_writer_cannot_be_turned_into_a_copy,
}
