//! Killed two hundred times at random moments under load, the store has everything that it acknowledged, nothing by
//! halves, and after a sweep no byte too many.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier, ServerSideEncryption};
use strongroom_store::{Inspector, Options, Store};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::objects::bytes;
use crate::process::Process;
use crate::server::BUCKET;

const ROUNDS: u64 = 200;
const WORKERS: u64 = 4;
const KEYS: u64 = 5;

/// A content by what it is made of, so that the whole of it need not be remembered: seeds and lengths.
type Content = Vec<(u64, usize)>;

fn whole(content: &Content) -> Vec<u8> {
    content.iter().flat_map(|(seed, length)| bytes(*length, *seed)).collect()
}

/// The request got no answer, because the store is gone.
struct Gone;

/// A client that has keys of its own and knows what may be under them.
struct Worker {
    number: u64,
    chance: Chance,
    /// What may be found under each key; `None` for nothing. More than one, where a kill cut the answer off.
    may_be: BTreeMap<String, Vec<Option<Content>>>,
    acknowledged: BTreeMap<&'static str, u32>,
    /// Counts what is acknowledged to all of them.
    counter: Arc<AtomicU64>,
}

impl Worker {
    async fn run(mut self, client: Client) -> Self {
        while self.step(&client).await.is_ok() {}
        self
    }

    fn key(&mut self) -> String {
        format!("{}/{}", self.number, self.chance.below(KEYS))
    }

    fn content(&mut self) -> Content {
        let length = match self.chance.below(12) {
            0 => 0,
            1..=8 => 1 + self.chance.below(20_000),
            9 | 10 => 100_000 + self.chance.below(300_000),
            _ => 1_000_000,
        };
        vec![(self.chance.below(1 << 40), usize::try_from(length).unwrap())]
    }

    /// A third of all writes are encrypted.
    fn encryption(&mut self) -> Option<ServerSideEncryption> {
        (self.chance.below(3) == 0).then_some(ServerSideEncryption::Aes256)
    }

    /// Notes what an answer, or the lack of one, says of a key.
    fn note(&mut self, what: &'static str, key: &str, then: Option<Content>, answered: bool) -> Result<(), Gone> {
        let states = self.may_be.entry(key.to_owned()).or_insert_with(|| vec![None]);
        if answered {
            *states = vec![then];
            *self.acknowledged.entry(what).or_default() += 1;
            self.counter.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        states.push(then);
        Err(Gone)
    }

    async fn step(&mut self, client: &Client) -> Result<(), Gone> {
        let key = self.key();
        match self.chance.below(10) {
            0..=4 => {
                let content = self.content();
                let put = client.put_object().bucket(BUCKET).key(&key).body(whole(&content).into());
                let put = put.set_server_side_encryption(self.encryption()).send().await;
                self.note("put", &key, Some(content), put.is_ok())
            }
            5 => {
                let source = self.key();
                let Some([Some(content)]) = self.may_be.get(&source).map(Vec::as_slice) else { return Ok(()) };
                let content = content.clone();
                let copy = client.copy_object().bucket(BUCKET).key(&key).copy_source(format!("{BUCKET}/{source}"));
                // A copy onto itself is refused, and changes nothing.
                let copy = copy.set_server_side_encryption(self.encryption());
                let copied = copy.metadata_directive("REPLACE".into()).send().await.is_ok();
                self.note("copy", &key, Some(content), copied)
            }
            6 | 7 => self.multipart(client, &key).await,
            8 => {
                let deleted = client.delete_object().bucket(BUCKET).key(&key).send().await.is_ok();
                self.note("delete", &key, None, deleted)
            }
            _ => {
                let both = [key, self.key()];
                let names = both.iter().map(|key| ObjectIdentifier::builder().key(key).build().unwrap());
                let delete = Delete::builder().set_objects(Some(names.collect())).build().unwrap();
                let deleted = client.delete_objects().bucket(BUCKET).delete(delete).send().await.is_ok();
                let first = self.note("delete many", &both[0], None, deleted);
                self.note("delete many", &both[1], None, deleted).and(first)
            }
        }
    }

    async fn multipart(&mut self, client: &Client, key: &str) -> Result<(), Gone> {
        let begun = client.create_multipart_upload().bucket(BUCKET).key(key);
        let begun = begun.set_server_side_encryption(self.encryption()).send().await.map_err(|_| Gone)?;
        let id = begun.upload_id().unwrap();
        // Every part but the last has to be large, and most uploads have just the one.
        let first = (self.chance.below(8) == 0).then(|| (self.chance.below(1 << 40), 5 << 20));
        let content: Content = first.into_iter().chain(self.content()).collect();
        let mut parts = Vec::new();
        for (number, part) in (1..).zip(&content) {
            let body = whole(&vec![*part]);
            let sent = client.upload_part().bucket(BUCKET).key(key).upload_id(id).part_number(number);
            let sent = sent.body(body.into()).send().await.map_err(|_| Gone)?;
            parts.push(CompletedPart::builder().part_number(number).e_tag(sent.e_tag().unwrap()).build());
        }
        if self.chance.below(6) == 0 {
            return Ok(());
        }
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let complete = client.complete_multipart_upload().bucket(BUCKET).key(key).upload_id(id);
        let completed = complete.multipart_upload(parts).send().await.is_ok();
        self.note("complete", key, Some(content), completed)
    }

    /// Compares what is there with what may be, and from then on knows it.
    async fn check(&mut self, client: &Client, round: u64) {
        for (key, states) in &mut self.may_be {
            let found = match client.get_object().bucket(BUCKET).key(key).send().await {
                Ok(got) => Some(got.body.collect().await.unwrap_or_else(|error| panic!("{key}: {error}")).to_vec()),
                Err(error) => {
                    assert!(error.into_service_error().is_no_such_key(), "{key}");
                    None
                }
            };
            let fits = states.iter().find(|state| state.as_ref().map(whole) == found).cloned();
            let length = found.map(|found| found.len());
            *states =
                vec![fits.unwrap_or_else(|| {
                    panic!("round {round}: {key} holds {length:?} bytes that are none of {states:?}")
                })];
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_kills_lose_nothing_tear_nothing_and_leave_nothing_behind() {
    let seed = seed();
    println!("the seed is {seed}; STRONGROOM_TEST_SEED={seed} repeats these moments");
    let mut chance = Chance(seed | 1);
    let folder = TempDir::new().unwrap();
    let mut process = Process::start(&[], folder.path(), 0);
    process.client().create_bucket().bucket(BUCKET).send().await.unwrap();
    let counter = Arc::new(AtomicU64::new(0));
    let mut workers: Vec<Worker> = (0..WORKERS)
        .map(|number| Worker {
            number,
            chance: Chance(chance.below(1 << 60) | 1),
            may_be: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            counter: Arc::clone(&counter),
        })
        .collect();
    for round in 0..ROUNDS {
        let mut running = JoinSet::new();
        for worker in workers.drain(..) {
            running.spawn(worker.run(process.client()));
        }
        // However slow the machine is, something happens in most rounds, and the kill comes at no particular moment.
        let enough = counter.load(Ordering::Relaxed) + chance.below(20);
        while counter.load(Ordering::Relaxed) < enough {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_micros(chance.below(15_000))).await;
        process.kill();
        workers = running.join_all().await;
        process = Process::start(&[], folder.path(), 0);
        let mut checks = JoinSet::new();
        for mut worker in workers.drain(..) {
            let client = process.client();
            checks.spawn(async move {
                worker.check(&client, round).await;
                worker
            });
        }
        workers = checks.join_all().await;
    }
    let mut acknowledged = BTreeMap::new();
    for (what, count) in workers.iter().flat_map(|worker| &worker.acknowledged) {
        *acknowledged.entry(*what).or_insert(0) += count;
    }
    println!("acknowledged: {acknowledged:?}");
    for what in ["put", "copy", "complete", "delete", "delete many"] {
        assert!(acknowledged.get(what).is_some_and(|count| *count >= 20), "too few: {acknowledged:?}");
    }
    nothing_is_left_behind(process, folder, &workers).await;
}

/// Once every upload has ended and a sweep has run, the disk holds what the index knows and nothing else.
async fn nothing_is_left_behind(process: Process, folder: TempDir, workers: &[Worker]) {
    let client = process.client();
    let listed = client.list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
    assert!(!listed.uploads().is_empty() && listed.is_truncated() != Some(true), "a kill leaves uploads under way");
    for upload in listed.uploads() {
        let abort = client.abort_multipart_upload().bucket(BUCKET).key(upload.key().unwrap());
        abort.upload_id(upload.upload_id().unwrap()).send().await.unwrap();
    }
    let listed = client.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    let keys: Vec<&str> = listed.contents().iter().filter_map(|object| object.key()).collect();
    let states = workers.iter().flat_map(|worker| &worker.may_be);
    let mut wanted: Vec<&str> = states.filter(|(_, states)| states[0].is_some()).map(|(key, _)| key.as_str()).collect();
    wanted.sort_unstable();
    assert_eq!(keys, wanted);
    process.kill();

    #[expect(clippy::disallowed_methods, reason = "this is where the store is given its clock")]
    let clock = Arc::new(std::time::SystemTime::now);
    let store = Store::open(Options::new(folder.path(), clock, Arc::new(|| 1))).await.unwrap();
    store.sweep().await.unwrap();
    let inspector = Inspector::open(folder.path()).unwrap();
    let checked = inspector.check(|_| {}).unwrap();
    assert!(checked.is_sound() && checked.leavings.is_empty(), "{checked:?}");
    let mut scrub = inspector.scrub(0);
    while scrub.step().unwrap() {}
    assert_eq!(scrub.take_damaged(), []);
    assert_eq!(scrub.progress().contents, checked.progress.contents);
}

/// Chance that can be repeated: the same seed gives the same moments (xorshift64*).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 3) % end
    }
}

/// The seed from the environment, or another one each time.
#[expect(clippy::disallowed_methods, reason = "somebody who repeats a run says so in the environment")]
fn seed() -> u64 {
    let given = std::env::var("STRONGROOM_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(rand::random)
}
