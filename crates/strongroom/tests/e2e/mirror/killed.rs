//! A mirror that is new gets everything that is there already, whenever the service is killed.

use std::time::Duration;

use strongroom_testbed::Fault;

use super::{FILES, Store, assert_same, caught_up, configuration, expected, hand_in};
use crate::app::App;
use crate::crash::dice::{self, Dice};
use crate::files;
use crate::ways::{Way, handed, object};

/// Enough to be killed in their midst, and more than once.
const OBJECTS: u32 = 90;

const ROUNDS: u64 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_mirror_gets_all_that_is_there_although_the_service_is_killed_again_and_again() {
    let seed = dice::seed();
    println!("the seed is {seed}; STRONGROOM_TEST_SEED={seed} repeats these moments");
    let mut dice = Dice::new(seed);
    let (first, second) = (Store::start("main"), Store::start("copy"));
    let without = format!("{}\n{}{FILES}", crate::tokens::configuration(), first.section("storage"));
    let mut app = App::start_external(&without);
    let mut made = hand_in(&app, 0..OBJECTS).await;
    for number in 0..3 {
        let picture = files::large_png(number, 18_000_000);
        let file = handed("files", "large.png", "image/png", &picture);
        made.push((object(&app.user("alice"), Way::Multipart, &file).await, picture));
    }
    app.kill();
    app.reconfigure(configuration(&first, &second).trim_start_matches(&crate::tokens::configuration()));
    second.proxy.set(Fault::Late(Duration::from_millis(15)));
    let mut between = 0;
    for round in 0..ROUNDS {
        app.run();
        // What comes meanwhile is copied, too.
        made.extend(hand_in(&app, 1000 + u32::try_from(round).unwrap()..1001 + u32::try_from(round).unwrap()).await);
        tokio::time::sleep(Duration::from_millis(dice.between(50, 900))).await;
        let pending = app.admin().get("/v1/status").await.ok(200)["mirror"]["pending"].as_i64().unwrap();
        println!("killed with {pending} of {} to go", made.len());
        between += u32::from(pending > 0 && pending < i64::try_from(made.len()).unwrap());
        app.kill();
    }
    assert!(between > 0, "it was never killed in the midst of copying");
    second.proxy.heal();
    app.run();
    caught_up(&app).await;
    assert_same(&second.contents("strongroom").await, &expected("copy", &made));
    // What is left of copies in parts is swept, and nothing else.
    app.command_json(&["gc", "--grace", "0s", "--json"]);
    assert_eq!(second.multiparts().await, 0);
    assert_same(&second.contents("strongroom").await, &expected("copy", &made));
    assert_eq!(app.command(&["verify", "--contents"]).status.code(), Some(0));
}
