//! Killed two hundred times at random moments under load, the store has everything that it acknowledged, in buckets with
//! and without versions, nothing by halves, and after a sweep no byte too many.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{
    BucketVersioningStatus, CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier, ServerSideEncryption,
    VersioningConfiguration,
};
use strongroom_store::{Inspector, Options, Store};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::objects::bytes;
use crate::process::Process;
use crate::server::BUCKET;

const ROUNDS: u64 = 200;
const KEYS: u64 = 5;
/// The bucket that keeps versions; `BUCKET` keeps none.
const KEPT: &str = "kept";
/// Where each of the workers works.
const WORKERS: [&str; 4] = [BUCKET, KEPT, BUCKET, KEPT];
/// How many versions of a key there are before one of them has to go.
const VERSIONS: usize = 4;

/// A content by what it is made of, so that the whole of it need not be remembered: seeds and lengths.
type Content = Vec<(u64, usize)>;

fn whole(content: &Content) -> Vec<u8> {
    content.iter().flat_map(|(seed, length)| bytes(*length, *seed)).collect()
}

/// A version of a key; a delete marker has no content. What a kill cut off has a name that nobody was told.
#[derive(Debug, Clone)]
struct Version {
    id: Option<String>,
    content: Option<Content>,
}

/// The versions of a key, the latest first. Where none are kept there is one or none.
type State = Vec<Version>;

/// The request got no answer, because the store is gone.
struct Gone;

/// A client that has keys of its own and knows what may be under them.
struct Worker {
    number: usize,
    bucket: &'static str,
    chance: Chance,
    /// What may be found under each key. More than one, where a kill cut the answer off.
    may_be: BTreeMap<String, Vec<State>>,
    acknowledged: BTreeMap<(&'static str, &'static str), u32>,
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

    /// What is under a key, which is certain for as long as every request was answered.
    fn state(&self, key: &str) -> State {
        self.may_be.get(key).map(|states| states[0].clone()).unwrap_or_default()
    }

    /// Notes what an answer, or the lack of one, says of a key.
    fn note(&mut self, what: &'static str, key: &str, then: State, answered: bool) -> Result<(), Gone> {
        let states = self.may_be.entry(key.to_owned()).or_insert_with(|| vec![State::new()]);
        if answered {
            *states = vec![then];
            *self.acknowledged.entry((self.bucket, what)).or_default() += 1;
            self.counter.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        states.push(then);
        Err(Gone)
    }

    /// Notes that a key got a content, or lost what it had. The answer names the version, where versions are kept.
    fn note_latest<E>(
        &mut self,
        what: &'static str,
        key: &str,
        content: Option<Content>,
        answer: Result<Option<String>, E>,
    ) -> Result<(), Gone> {
        let answered = answer.is_ok();
        let latest = Version { id: answer.ok().flatten(), content };
        assert!(!answered || latest.id.is_some() == (self.bucket == KEPT), "{what} of {key} has {latest:?}");
        let then = match self.bucket {
            KEPT => [vec![latest], self.state(key)].concat(),
            _ => [latest].into_iter().filter(|latest| latest.content.is_some()).collect(),
        };
        self.note(what, key, then, answered)
    }

    async fn step(&mut self, client: &Client) -> Result<(), Gone> {
        let (key, bucket) = (self.key(), self.bucket);
        let mut state = self.state(&key);
        if state.len() > VERSIONS {
            let version = state.remove(usize::try_from(self.chance.below(state.len() as u64)).unwrap());
            let deleted = client.delete_object().bucket(bucket).key(&key).set_version_id(version.id).send().await;
            return self.note("delete version", &key, state, deleted.is_ok());
        }
        match self.chance.below(10) {
            0..=4 => {
                let content = self.content();
                let put = client.put_object().bucket(bucket).key(&key).body(whole(&content).into());
                let put = put.set_server_side_encryption(self.encryption()).send().await;
                self.note_latest("put", &key, Some(content), put.map(|put| put.version_id))
            }
            5 => {
                let source = self.key();
                let Some(Version { content: Some(content), .. }) = self.state(&source).into_iter().next() else {
                    return Ok(());
                };
                // A copy onto itself is one, too, with other metadata.
                let copy = client.copy_object().bucket(bucket).key(&key).copy_source(format!("{bucket}/{source}"));
                let copy = copy.set_server_side_encryption(self.encryption());
                let copied = copy.metadata_directive("REPLACE".into()).send().await;
                self.note_latest("copy", &key, Some(content), copied.map(|copied| copied.version_id))
            }
            6 | 7 => self.multipart(client, &key).await,
            8 => {
                let deleted = client.delete_object().bucket(bucket).key(&key).send().await;
                self.note_latest("delete", &key, None, deleted.map(|deleted| deleted.version_id))
            }
            _ => self.delete_many(client, key).await,
        }
    }

    async fn delete_many(&mut self, client: &Client, key: String) -> Result<(), Gone> {
        let both = BTreeSet::from([key, self.key()]);
        let names = both.iter().map(|key| ObjectIdentifier::builder().key(key).build().unwrap());
        let delete = Delete::builder().set_objects(Some(names.collect())).build().unwrap();
        let deleted = client.delete_objects().bucket(self.bucket).delete(delete).send().await.map_err(drop);
        let mut outcome = Ok(());
        for key in both {
            let marker = deleted.as_ref().map(|deleted| {
                let one = deleted.deleted().iter().find(|one| one.key() == Some(&key)).unwrap();
                one.delete_marker_version_id().map(str::to_owned)
            });
            outcome = self.note_latest("delete many", &key, None, marker).and(outcome);
        }
        outcome
    }

    async fn multipart(&mut self, client: &Client, key: &str) -> Result<(), Gone> {
        let bucket = self.bucket;
        let begun = client.create_multipart_upload().bucket(bucket).key(key);
        let begun = begun.set_server_side_encryption(self.encryption()).send().await.map_err(|_| Gone)?;
        let id = begun.upload_id().unwrap();
        // Every part but the last has to be large, and most uploads have just the one.
        let first = (self.chance.below(8) == 0).then(|| (self.chance.below(1 << 40), 5 << 20));
        let content: Content = first.into_iter().chain(self.content()).collect();
        let mut parts = Vec::new();
        for (number, part) in (1..).zip(&content) {
            let body = whole(&vec![*part]);
            let sent = client.upload_part().bucket(bucket).key(key).upload_id(id).part_number(number);
            let sent = sent.body(body.into()).send().await.map_err(|_| Gone)?;
            parts.push(CompletedPart::builder().part_number(number).e_tag(sent.e_tag().unwrap()).build());
        }
        if self.chance.below(6) == 0 {
            return Ok(());
        }
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let complete = client.complete_multipart_upload().bucket(bucket).key(key).upload_id(id);
        let completed = complete.multipart_upload(parts).send().await;
        self.note_latest("complete", key, Some(content), completed.map(|completed| completed.version_id))
    }

    /// Compares what is there with what may be, and from then on knows it.
    async fn check(&mut self, client: &Client, round: u64) {
        for (key, states) in &mut self.may_be {
            // What was read before is only listed again until the last round: reading takes most of the time.
            let found = versions(client, self.bucket, key, round == ROUNDS).await;
            let fits = states
                .iter()
                .find(|state| state.len() == found.len() && state.iter().zip(&found).all(|(may, found)| may.is(found)));
            let Some(fits) = fits else {
                let found: Vec<_> = found.iter().map(|found| (&found.id, found.length)).collect();
                panic!("round {round}: {key} in {} holds {found:?}, which are none of {states:?}", self.bucket);
            };
            let named = fits.iter().zip(found).map(|(version, found)| {
                let id = (self.bucket == KEPT).then_some(found.id);
                Version { id, content: version.content.clone() }
            });
            *states = vec![named.collect()];
        }
    }
}

/// A version as the store has it; a delete marker has no length.
struct Found {
    id: String,
    length: Option<usize>,
    /// Its content, if it was read.
    content: Option<Vec<u8>>,
}

impl Version {
    fn is(&self, found: &Found) -> bool {
        let length = self.content.as_ref().map(|content| content.iter().map(|(_, length)| length).sum());
        self.id.as_ref().is_none_or(|id| *id == found.id)
            && length == found.length
            && (found.content.is_none() || self.content.as_ref().map(whole) == found.content)
    }
}

/// The versions of a key, the latest first, which is read as one reads it without naming a version.
async fn versions(client: &Client, bucket: &str, key: &str, read_all: bool) -> Vec<Found> {
    let listed = client.list_object_versions().bucket(bucket).prefix(key).send().await.unwrap();
    let versions = listed.versions().iter().map(|version| {
        (version.version_id(), version.is_latest(), Some(usize::try_from(version.size().unwrap()).unwrap()))
    });
    let markers = listed.delete_markers().iter().map(|marker| (marker.version_id(), marker.is_latest(), None));
    let mut all: Vec<_> = versions.chain(markers).collect();
    // A version's name begins with its place.
    all.sort_unstable_by(|one, other| other.cmp(one));
    let latest: Vec<bool> = all.iter().map(|(_, latest, _)| latest.unwrap()).collect();
    assert!(latest.iter().enumerate().all(|(place, latest)| *latest == (place == 0)), "{key}: {all:?}");
    let current = read(client, bucket, key, None).await;
    assert_eq!(current.as_ref().map(Vec::len), all.first().and_then(|(_, _, length)| *length), "{key}");
    let mut found = Vec::new();
    for (place, (id, _, length)) in all.into_iter().enumerate() {
        let content = match (place, length) {
            (0, _) => current.clone(),
            (_, Some(_)) if read_all => read(client, bucket, key, id).await,
            _ => None,
        };
        found.push(Found { id: id.unwrap().to_owned(), length, content });
    }
    found
}

/// A content, if there is one.
async fn read(client: &Client, bucket: &str, key: &str, version: Option<&str>) -> Option<Vec<u8>> {
    let got = client.get_object().bucket(bucket).key(key).set_version_id(version.map(str::to_owned)).send().await;
    match got {
        Ok(got) => Some(got.body.collect().await.unwrap_or_else(|error| panic!("{key}: {error}")).to_vec()),
        Err(error) => {
            assert!(error.into_service_error().is_no_such_key(), "{key}");
            None
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
    for bucket in [BUCKET, KEPT] {
        process.client().create_bucket().bucket(bucket).send().await.unwrap();
    }
    let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    let keep = process.client().put_bucket_versioning().bucket(KEPT).versioning_configuration(enabled);
    keep.send().await.unwrap();
    let counter = Arc::new(AtomicU64::new(0));
    let mut workers: Vec<Worker> = (0..)
        .zip(WORKERS)
        .map(|(number, bucket)| Worker {
            number,
            bucket,
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
    for (bucket, what) in ["put", "copy", "complete", "delete", "delete many", "delete version"]
        .into_iter()
        .flat_map(|what| [(BUCKET, what), (KEPT, what)])
        .filter(|kind| *kind != (BUCKET, "delete version"))
    {
        assert!(acknowledged.get(&(bucket, what)).is_some_and(|count| *count >= 20), "too few: {acknowledged:?}");
    }
    for worker in &mut workers {
        worker.check(&process.client(), ROUNDS).await;
    }
    nothing_is_left_behind(process, folder, &workers).await;
}

/// Once every upload has ended and a sweep has run, the disk holds what the index knows and nothing else.
async fn nothing_is_left_behind(process: Process, folder: TempDir, workers: &[Worker]) {
    let client = process.client();
    for bucket in [BUCKET, KEPT] {
        let listed = client.list_multipart_uploads().bucket(bucket).send().await.unwrap();
        assert!(!listed.uploads().is_empty() && listed.is_truncated() != Some(true), "a kill leaves uploads under way");
        for upload in listed.uploads() {
            let abort = client.abort_multipart_upload().bucket(bucket).key(upload.key().unwrap());
            abort.upload_id(upload.upload_id().unwrap()).send().await.unwrap();
        }
        let listed = client.list_objects_v2().bucket(bucket).send().await.unwrap();
        let keys: Vec<&str> = listed.contents().iter().filter_map(|object| object.key()).collect();
        let states = workers.iter().filter(|worker| worker.bucket == bucket).flat_map(|worker| &worker.may_be);
        let is_object = |state: &State| state.first().is_some_and(|latest| latest.content.is_some());
        let mut wanted: Vec<&str> =
            states.filter(|(_, states)| is_object(&states[0])).map(|(key, _)| key.as_str()).collect();
        wanted.sort_unstable();
        assert_eq!(keys, wanted);
    }
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
