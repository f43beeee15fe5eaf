//! Concurrent operations on one key: whatever they were answered, there is an order in which they all make sense.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::types::BucketVersioningStatus;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::server::{BUCKET, Server};
use crate::versions::versioning;

/// What somebody did, and what they were told. A body is the number of the one who wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Put(u8),
    /// A write that wanted nothing there, and whether it was done.
    Create(u8, bool),
    Delete,
    Get(Option<u8>),
}

/// A deed, and when it began and ended on a clock that all share.
#[derive(Debug, Clone, Copy)]
struct Event {
    deed: Deed,
    began: u64,
    ended: u64,
}

/// A deed that cannot have been answered so when it was done.
struct Impossible;

/// What the key holds after a deed.
fn after(held: Option<u8>, deed: Deed) -> Result<Option<u8>, Impossible> {
    let possible = |is_so: bool, then: Option<u8>| if is_so { Ok(then) } else { Err(Impossible) };
    match deed {
        Deed::Put(body) => Ok(Some(body)),
        Deed::Create(body, true) => possible(held.is_none(), Some(body)),
        Deed::Create(_, false) => possible(held.is_some(), held),
        Deed::Delete => Ok(None),
        Deed::Get(seen) => possible(seen == held, held),
    }
}

/// Whether the events can be put into an order that keeps to their times (Wing and Gong's search, with what was tried
/// remembered).
fn is_linearisable(events: &[Event], done: u64, held: Option<u8>, tried: &mut HashSet<(u64, Option<u8>)>) -> bool {
    if done.count_ones() as usize == events.len() {
        return true;
    }
    if !tried.insert((done, held)) {
        return false;
    }
    let open = |number: usize| done & (1 << number) == 0;
    let first_end = events.iter().enumerate().filter(|(number, _)| open(*number)).map(|(_, event)| event.ended).min();
    events.iter().enumerate().any(|(number, event)| {
        open(number)
            && Some(event.began) <= first_end
            && after(held, event.deed).is_ok_and(|held| is_linearisable(events, done | 1 << number, held, tried))
    })
}

async fn act(client: &Client, key: &str, worker: u8, turn: u8) -> Deed {
    let number = worker * 16 + turn;
    let put = client.put_object().bucket(BUCKET).key(key).body(vec![number; 3000].into());
    match (worker + turn) % 5 {
        0 => {
            put.send().await.unwrap();
            Deed::Put(number)
        }
        1 => match put.if_none_match("*").send().await {
            Ok(_) => Deed::Create(number, true),
            Err(error) => {
                assert_eq!(error.code(), Some("PreconditionFailed"));
                Deed::Create(number, false)
            }
        },
        2 => {
            client.delete_object().bucket(BUCKET).key(key).send().await.unwrap();
            Deed::Delete
        }
        _ => match client.get_object().bucket(BUCKET).key(key).send().await {
            Ok(got) => {
                let body = got.body.collect().await.unwrap().to_vec();
                assert!(body.len() == 3000 && body.iter().all(|byte| *byte == body[0]), "a mixed body");
                Deed::Get(Some(body[0]))
            }
            Err(error) => {
                assert_eq!(error.code(), Some("NoSuchKey"));
                Deed::Get(None)
            }
        },
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_happens_to_a_key_at_once_happens_in_some_order() {
    let server = Server::start().await;
    let client = server.admin();
    for round in 0..24 {
        // The second half with versions, where a delete is a write too.
        if round == 12 {
            versioning(&client, BucketVersioningStatus::Enabled).await;
        }
        let key = format!("key-{round}");
        let (clock, start) = (Arc::new(AtomicU64::new(0)), Arc::new(Barrier::new(6)));
        let mut workers = JoinSet::new();
        for worker in 0..6 {
            let (client, key, clock, start) = (client.clone(), key.clone(), Arc::clone(&clock), Arc::clone(&start));
            workers.spawn(async move {
                let mut events = Vec::new();
                start.wait().await;
                for turn in 0..8 {
                    let began = clock.fetch_add(1, Ordering::SeqCst);
                    let deed = act(&client, &key, worker, turn).await;
                    events.push(Event { deed, began, ended: clock.fetch_add(1, Ordering::SeqCst) });
                }
                events
            });
        }
        let events: Vec<Event> = workers.join_all().await.concat();
        assert!(is_linearisable(&events, 0, None, &mut HashSet::new()), "{events:#?}");
    }
    server.store.sweep().await.unwrap();
}

#[test]
fn the_search_tells_a_history_that_has_no_order() {
    let event = |deed, began, ended| Event { deed, began, ended };
    let lost = [event(Deed::Put(1), 0, 1), event(Deed::Put(2), 2, 3), event(Deed::Get(Some(1)), 4, 5)];
    assert!(!is_linearisable(&lost, 0, None, &mut HashSet::new()));
    let beside = [event(Deed::Put(1), 0, 1), event(Deed::Put(2), 2, 5), event(Deed::Get(Some(1)), 3, 4)];
    assert!(is_linearisable(&beside, 0, None, &mut HashSet::new()));
    let two_winners = [event(Deed::Create(1, true), 0, 3), event(Deed::Create(2, true), 1, 2)];
    assert!(!is_linearisable(&two_winners, 0, None, &mut HashSet::new()));
}
