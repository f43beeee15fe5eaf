//! The built program at other makers' servers: what it says to install is installed there, and holds. The servers are
//! named by `STRONGROOM_TEST_SEAWEEDFS` and `STRONGROOM_TEST_CEPH`, which `cargo xtask test --only servers` starts and
//! sets.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report, in its helpers too")]

mod mirror;
mod place;
mod policies;
mod provision;
mod users;

/// The same tests once for each server, in a module of its name.
macro_rules! at_every_server {
    ($($module:ident::$test:ident,)*) => {
        tests_at! { seaweedfs, $($module::$test,)* }
        tests_at! { ceph, $($module::$test,)* }
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
    policies::each_identity_can_do_what_it_must_and_nothing_else,
    mirror::everything_is_mirrored_served_while_the_first_is_away_and_moved,
    provision::a_bucket_is_made_as_it_should_be_and_then_nothing_is_left_to_do,
    provision::what_is_stricter_and_what_is_of_others_survives,
    provision::with_the_least_policies_the_doctor_finds_nothing_wrong,
}
