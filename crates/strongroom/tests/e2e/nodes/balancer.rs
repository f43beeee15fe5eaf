//! What stands in front of several nodes: it asks each whether it is ready, and spreads requests over those that are.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::caller::{Caller, client};
use crate::tokens;

/// How often each node is asked.
const PAUSE: Duration = Duration::from_millis(50);

/// Clients take their turns with the nodes.
#[derive(Debug, Default)]
pub(super) struct Balancer {
    nodes: Mutex<Vec<Node>>,
    next: AtomicUsize,
}

#[derive(Debug, Clone)]
struct Node {
    api: String,
    is_ready: bool,
}

impl Balancer {
    /// From now on the node of this number, or the next one, is there. It gets requests once it says that it is ready.
    pub(super) fn set(&self, index: usize, api: &str) {
        let node = Node { api: api.to_owned(), is_ready: false };
        let mut nodes = self.nodes();
        match nodes.get_mut(index) {
            Some(place) => *place = node,
            None => nodes.push(node),
        }
    }

    /// Asks each node over and over.
    pub(super) async fn watch(&self) {
        let client = client();
        loop {
            let nodes = self.nodes().clone();
            for (index, node) in nodes.into_iter().enumerate() {
                let asked = client.get(format!("{}/readyz", node.api)).send().await;
                let is_ready = asked.is_ok_and(|answer| answer.status() == 200);
                // It may have been started anew, at another address, meanwhile.
                if let Some(place) = self.nodes().get_mut(index).filter(|place| place.api == node.api) {
                    place.is_ready = is_ready;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whether this node gets requests.
    pub(super) fn is_ready(&self, index: usize) -> bool {
        self.nodes().get(index).is_some_and(|node| node.is_ready)
    }

    /// Somebody who asks the next node.
    pub(super) fn caller(&self, subject: &str) -> Caller {
        let nodes = self.nodes();
        let ready: Vec<&str> = nodes.iter().filter(|node| node.is_ready).map(|node| node.api.as_str()).collect();
        assert!(!ready.is_empty(), "no node is ready");
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        Caller::new(ready[next % ready.len()], Some(&tokens::mint(subject, &[])))
    }

    fn nodes(&self) -> MutexGuard<'_, Vec<Node>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
