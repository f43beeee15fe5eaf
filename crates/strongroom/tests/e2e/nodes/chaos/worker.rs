//! A client that does everything, takes refusals as they come, and remembers what was acknowledged.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::caller::{Caller, open, text};
use crate::crash::dice::Dice;
use crate::crash::ledger::{Attempt, Known, Ledger};
use crate::files;
use crate::tokens;
use crate::ways::Way;

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a client rests after a refusal.
const BREATH: Duration = Duration::from_millis(50);

/// How often a client repeats a request that may be repeated.
const TRIES: usize = 3;

/// How far all workers have come, and where the nodes are.
#[derive(Debug)]
pub(super) struct Progress {
    wanted: usize,
    done: AtomicUsize,
    nodes: Mutex<Vec<String>>,
    refusals: Mutex<BTreeMap<String, u32>>,
}

impl Progress {
    pub(super) fn new(wanted: usize, nodes: Vec<String>) -> Self {
        Self { wanted, done: AtomicUsize::new(0), nodes: Mutex::new(nodes), refusals: Mutex::default() }
    }

    pub(super) fn is_done(&self) -> bool {
        self.done() >= self.wanted
    }

    pub(super) fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    /// A node was started anew, elsewhere.
    pub(super) fn moved(&self, index: usize, api: &str) {
        api.clone_into(&mut self.nodes.lock().unwrap_or_else(PoisonError::into_inner)[index]);
    }

    /// How often which refusal came.
    pub(super) fn refusals(&self) -> BTreeMap<String, u32> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn refused(&self, what: String) {
        *self.refusals.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default() += 1;
    }

    fn node(&self, number: u64) -> String {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes[usize::try_from(number).unwrap_or(0) % nodes.len()].clone()
    }
}

/// Nobody knows whether it happened.
struct Unknown;

/// One of several at the same time. It changes only objects of its own, so that it knows in which order.
pub(super) struct Worker {
    number: u32,
    progress: Arc<Progress>,
    ledger: Arc<Ledger>,
    dice: Dice,
    token: String,
    files: u32,
    there: Vec<String>,
    deleted: Vec<String>,
}

impl Worker {
    pub(super) fn new(number: u32, progress: Arc<Progress>, ledger: Arc<Ledger>, dice: Dice) -> Self {
        let token = tokens::mint("alice", &[]);
        Self { number, progress, ledger, dice, token, files: 0, there: Vec::new(), deleted: Vec::new() }
    }

    /// Works until all operations are done.
    pub(super) async fn run(mut self) {
        while !self.progress.is_done() {
            let ended = match self.dice.between(0, 19) {
                0..=7 => self.hand_in().await,
                8..=13 => self.look().await,
                14..=15 => self.list().await,
                16..=17 => self.delete().await,
                18 => self.restore().await,
                _ => self.change().await,
            };
            if ended.is_err() {
                // What is not known is compared with what is there at the end. Nobody asks again at once.
                tokio::time::sleep(BREATH).await;
            }
            self.progress.done.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Somebody who asks whichever node comes.
    fn caller(&mut self) -> Caller {
        let number = self.dice.between(0, 1 << 20);
        Caller::new(&self.progress.node(number), Some(&self.token))
    }

    async fn hand_in(&mut self) -> Result<(), Unknown> {
        self.files += 1;
        let name = format!("{}-{}.png", self.number, self.files);
        let length = if self.dice.between(0, 99) == 0 { 9 << 20 } else { self.dice.between(200, 20_000) };
        let bytes = files::large_png(self.number * 100_000 + self.files, usize::try_from(length).unwrap_or(200));
        let attempt = Attempt { bytes: bytes.len(), sha256: files::sha256(&bytes) };
        match Way::ALL[usize::try_from(self.dice.between(0, 4)).unwrap_or(0)] {
            Way::Raw | Way::Form => {
                self.ledger.attempted(&name, attempt);
                self.through_the_service(&name, &bytes).await
            }
            way => self.directly(way, &name, &bytes, attempt).await,
        }
    }

    /// Repeated under one name until it is acknowledged, which makes one object however often it was received.
    async fn through_the_service(&mut self, name: &str, bytes: &[u8]) -> Result<(), Unknown> {
        for _ in 0..TRIES {
            let path = format!("/v1/spaces/files/objects?name={name}");
            let request = self.caller().request(Method::POST, &path).header("idempotency-key", name);
            let request = request.header("content-type", "image/png").body(bytes.to_vec());
            if let Ok(object) = self.answer(request, 201).await {
                self.acknowledge(&object, "raw");
                return Ok(());
            }
        }
        Err(Unknown)
    }

    async fn directly(&mut self, way: Way, name: &str, bytes: &[u8], attempt: Attempt) -> Result<(), Unknown> {
        let body = json!({ "method": way.method(), "name": name, "content_type": "image/png", "bytes": bytes.len() });
        let begin = self.caller().json(Method::POST, "/v1/spaces/files/uploads", &body);
        let upload = self.answer(begin, 201).await?;
        let fate = self.dice.between(0, 19);
        if fate == 0 {
            return Ok(());
        }
        // From here on the clean-up may complete it, too, should its bytes arrive and nobody come back.
        self.ledger.attempted(name, attempt);
        // Browsers have a way of their own to the storage, without trouble; but it may have taken long to come so far.
        match way {
            Way::Put => drop(self.answer(crate::ways::put(&upload, bytes), 200).await?),
            Way::Post => drop(self.answer(crate::ways::post(&upload, "image/png", bytes), 201).await?),
            _ => {
                let part_bytes = usize::try_from(upload["part_bytes"].as_u64().unwrap_or(1)).unwrap_or(1);
                for ((_, url), part) in crate::ways::urls(&upload).iter().zip(bytes.chunks(part_bytes)) {
                    self.answer(crate::caller::client().put(url).body(part.to_vec()), 200).await?;
                }
            }
        }
        let path = format!("/v1/uploads/{}", text(&upload["id"]));
        match fate {
            // What is not ready is not readable, however far it has come.
            1 => {
                let look = self.caller().request(Method::GET, &format!("/v1/objects/{}", text(&upload["object_id"])));
                self.answer(look, 404).await.map(drop)
            }
            2 => {
                let give_up = self.caller().request(Method::DELETE, &path);
                self.answer(give_up, 204).await.map(drop)
            }
            _ => {
                for _ in 0..TRIES {
                    let complete = self.caller().json(Method::POST, &format!("{path}/complete"), &json!({}));
                    if let Ok(object) = self.answer(complete, 200).await {
                        self.acknowledge(&object, way.method());
                        return Ok(());
                    }
                }
                Err(Unknown)
            }
        }
    }

    fn acknowledge(&mut self, object: &Value, way: &'static str) {
        let id = text(&object["id"]);
        self.there.push(id.to_owned());
        self.ledger.settle(id, Known::There);
        self.ledger.count(way);
    }

    /// What was acknowledged is served byte for byte, through any node, at any time that an answer comes at all.
    async fn look(&mut self) -> Result<(), Unknown> {
        let Some(index) = self.choose(self.there.len()) else { return Ok(()) };
        let look = self.caller().request(Method::GET, &format!("/v1/objects/{}", self.there[index]));
        let object = self.answer(look, 200).await?;
        let served = open(text(&object["link"]["url"])).await;
        assert_eq!(served.status, 200, "{object}: {}", served.text());
        assert_eq!(object["version"]["sha256"], files::sha256(&served.body), "{object}");
        Ok(())
    }

    /// Nothing is listed that nobody asked for.
    async fn list(&mut self) -> Result<(), Unknown> {
        let list = self.caller().request(Method::GET, "/v1/spaces/files/objects?limit=50");
        let list = self.answer(list, 200).await?;
        for item in list["items"].as_array().into_iter().flatten() {
            assert!(self.ledger.was_attempted(text(&item["name"])), "nobody sent what is visible: {item}");
        }
        Ok(())
    }

    async fn delete(&mut self) -> Result<(), Unknown> {
        let Some(index) = self.choose(self.there.len()) else { return Ok(()) };
        let id = self.there.swap_remove(index);
        self.ledger.settle(&id, Known::Either);
        let delete = self.caller().request(Method::DELETE, &format!("/v1/objects/{id}"));
        self.answer(delete, 204).await?;
        self.ledger.settle(&id, Known::Deleted);
        self.ledger.count("delete");
        self.deleted.push(id);
        Ok(())
    }

    async fn restore(&mut self) -> Result<(), Unknown> {
        let Some(index) = self.choose(self.deleted.len()) else { return Ok(()) };
        let id = self.deleted.swap_remove(index);
        self.ledger.settle(&id, Known::Either);
        let restore = self.caller().json(Method::POST, &format!("/v1/objects/{id}/restore"), &json!({}));
        self.answer(restore, 200).await?;
        self.ledger.settle(&id, Known::There);
        self.ledger.count("restore");
        self.there.push(id);
        Ok(())
    }

    async fn change(&mut self) -> Result<(), Unknown> {
        let Some(index) = self.choose(self.there.len()) else { return Ok(()) };
        let body = json!({ "tags": [format!("worker-{}", self.number)] });
        let change = self.caller().json(Method::PATCH, &format!("/v1/objects/{}", self.there[index]), &body);
        self.answer(change, 200).await?;
        self.ledger.count("change");
        Ok(())
    }

    fn choose(&mut self, among: usize) -> Option<usize> {
        let number = usize::try_from(self.dice.between(0, 1 << 40)).ok()?;
        number.checked_rem(among)
    }

    /// The body of an answer with this status. Any other must be one that tells to come back, or that somebody was
    /// quicker; none at all is the trouble.
    async fn answer(&self, request: RequestBuilder, wanted: u16) -> Result<Value, Unknown> {
        let answered = async {
            let response = request.timeout(PATIENCE).send().await?;
            let (status, patience) = (response.status().as_u16(), response.headers().contains_key("retry-after"));
            Ok::<_, reqwest::Error>((status, patience, response.bytes().await?))
        };
        let Ok((status, patience, body)) = answered.await else {
            self.progress.refused("no answer".to_owned());
            return Err(Unknown);
        };
        let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        if status == wanted {
            return Ok(body);
        }
        let code = body["code"].as_str().unwrap_or_default();
        self.progress.refused(format!("{status} {code}"));
        let may_be = match status {
            202 | 503 => patience,
            // Its URLs ended while nobody answered, or another try is still under way or was quicker.
            403 | 404 => code.is_empty(),
            408..=410 => true,
            _ => false,
        };
        assert!(may_be, "{status} where {wanted} was hoped for: {body}");
        Err(Unknown)
    }
}
