//! Any sequence of operations on a few keys leaves what the same operations leave in a map.

use std::collections::BTreeMap;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{
    BucketVersioningStatus, CompletedMultipartUpload, CompletedPart, Tag, Tagging, VersioningConfiguration,
};
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof};
use proptest::test_runner::TestRunner;

use crate::multipart::PART;
use crate::objects::bytes;
use crate::server::{BUCKET, Server};

const KEYS: [&str; 4] = ["a", "a/b", "a/b/c", "b"];

/// An object that is long enough to be any part, outside the buckets that are compared.
const LONG: &str = "long";

/// What is done. Keys are counted in `KEYS`, and versions among those that the key has, around and around.
#[derive(Debug, Clone)]
enum Step {
    Put { key: usize, body: u8, condition: Condition },
    Copy { from: usize, version: Option<usize>, to: usize },
    Compose { key: usize, tail: u8 },
    Delete { key: usize },
    DeleteVersion { key: usize, version: usize },
    Tag { key: usize, version: Option<usize>, value: u8 },
    Versioning { on: bool },
    Sweep,
}

#[derive(Debug, Clone, Copy)]
enum Condition {
    None,
    Absent,
    Unchanged,
    Otherwise,
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..KEYS.len();
    let condition = prop_oneof![
        5 => Just(Condition::None),
        1 => Just(Condition::Absent),
        1 => Just(Condition::Unchanged),
        1 => Just(Condition::Otherwise)
    ];
    let version = || proptest::option::of(0..6_usize);
    prop_oneof![
        6 => (key(), any::<u8>(), condition).prop_map(|(key, body, condition)| Step::Put { key, body, condition }),
        3 => (key(), version(), key()).prop_map(|(from, version, to)| Step::Copy { from, version, to }),
        1 => (key(), any::<u8>()).prop_map(|(key, tail)| Step::Compose { key, tail }),
        3 => key().prop_map(|key| Step::Delete { key }),
        3 => (key(), 0..6_usize).prop_map(|(key, version)| Step::DeleteVersion { key, version }),
        2 => (key(), version(), any::<u8>()).prop_map(|(key, version, value)| Step::Tag { key, version, value }),
        2 => any::<bool>().prop_map(|on| Step::Versioning { on }),
        1 => Just(Step::Sweep),
    ]
}

/// A version of a key as it should be; a delete marker has no body.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    id: String,
    body: Option<Vec<u8>>,
    tag: Option<String>,
}

/// What should be there: of each key the versions, the latest last.
#[derive(Debug, Default)]
struct Model {
    versioning: Option<bool>,
    keys: BTreeMap<&'static str, Vec<Version>>,
}

impl Model {
    /// The object of a key, unless there is none or it is hidden.
    fn object(&self, key: &str) -> Option<&Version> {
        self.keys.get(key)?.last().filter(|version| version.body.is_some())
    }

    /// The version that is counted, or the object.
    fn chosen(&self, key: &str, version: Option<usize>) -> Option<&Version> {
        match version {
            None => self.object(key),
            Some(number) => {
                let versions = self.keys.get(key).filter(|versions| !versions.is_empty())?;
                versions.get(number % versions.len())
            }
        }
    }

    /// Adds a version under the name that the store gave it.
    fn add(&mut self, key: &'static str, id: Option<&str>, body: Option<Vec<u8>>, tag: Option<String>) {
        let versions = self.keys.entry(key).or_default();
        if self.versioning == Some(true) {
            let id = id.expect("a version has a name").to_owned();
            assert!(id != "null" && versions.iter().all(|version| version.id != id));
            versions.push(Version { id, body, tag });
        } else {
            assert_eq!(id, self.versioning.map(|_| "null"));
            versions.retain(|version| version.id != "null");
            if body.is_some() || self.versioning.is_some() {
                versions.push(Version { id: "null".to_owned(), body, tag });
            }
        }
    }
}

/// A bucket and what it should hold.
struct Case<'a> {
    server: &'a Server,
    client: Client,
    bucket: String,
    model: Model,
}

fn code<T: std::fmt::Debug>(result: Result<T, impl ProvideErrorMetadata>) -> Result<T, String> {
    result.map_err(|error| error.code().unwrap_or("none").to_owned())
}

/// The body that a number stands for; one of them is empty.
fn body(number: u8) -> Vec<u8> {
    bytes(usize::from(number) * 3, number.into())
}

impl Case<'_> {
    async fn run(&mut self, step: Step) {
        match step {
            Step::Put { key, body: number, condition } => self.put(KEYS[key], body(number), condition).await,
            Step::Copy { from, version, to } => self.copy(KEYS[from], version, KEYS[to]).await,
            Step::Compose { key, tail } => self.compose(KEYS[key], body(tail)).await,
            Step::Delete { key } => self.delete(KEYS[key]).await,
            Step::DeleteVersion { key, version } => self.delete_version(KEYS[key], version).await,
            Step::Tag { key, version, value } => self.tag(KEYS[key], version, value).await,
            Step::Versioning { on } => {
                let status = if on { BucketVersioningStatus::Enabled } else { BucketVersioningStatus::Suspended };
                let configuration = VersioningConfiguration::builder().status(status).build();
                let put = self.client.put_bucket_versioning().bucket(&self.bucket);
                put.versioning_configuration(configuration).send().await.unwrap();
                self.model.versioning = Some(on);
            }
            Step::Sweep => drop(self.server.store.sweep().await.unwrap()),
        }
    }

    async fn put(&mut self, key: &'static str, body: Vec<u8>, condition: Condition) {
        let there = self.client.head_object().bucket(&self.bucket).key(key).send().await.ok();
        let tag = there.as_ref().and_then(|object| object.e_tag()).unwrap_or("\"none\"");
        let put = self.client.put_object().bucket(&self.bucket).key(key).body(body.clone().into());
        let (put, refusal) = match condition {
            Condition::None => (put, None),
            Condition::Absent => (put.if_none_match("*"), there.is_some().then_some("PreconditionFailed")),
            Condition::Unchanged => (put.if_match(tag), there.is_none().then_some("NoSuchKey")),
            Condition::Otherwise => {
                let refusal = if there.is_some() { "PreconditionFailed" } else { "NoSuchKey" };
                (put.if_match("\"another\""), Some(refusal))
            }
        };
        match (code(put.send().await), refusal) {
            (Ok(put), None) => self.model.add(key, put.version_id(), Some(body), None),
            (result, refusal) => assert_eq!(result.map(drop).err().as_deref(), refusal),
        }
    }

    async fn copy(&mut self, from: &'static str, version: Option<usize>, to: &'static str) {
        let source = self.model.chosen(from, version).cloned();
        let named = version.and(source.as_ref()).map(|version| format!("?versionId={}", version.id));
        let onto_itself = from == to && named.is_none();
        let copy = self.client.copy_object().bucket(&self.bucket).key(to);
        let copy = copy.copy_source(format!("{}/{from}{}", self.bucket, named.clone().unwrap_or_default()));
        let result = code(copy.send().await);
        let expected = match (&source, named) {
            _ if onto_itself => Err("InvalidRequest"),
            (None, _) => Err("NoSuchKey"),
            (Some(Version { body: None, .. }), _) => Err("InvalidRequest"),
            (Some(Version { body: Some(body), tag, .. }), _) => Ok((body.clone(), tag.clone())),
        };
        match (result, expected) {
            (Ok(copy), Ok((body, tag))) => self.model.add(to, copy.version_id(), Some(body), tag),
            (result, expected) => assert_eq!(result.map(drop).err().as_deref(), expected.map(drop).err()),
        }
    }

    async fn compose(&mut self, key: &'static str, tail: Vec<u8>) {
        let (client, bucket) = (&self.client, &self.bucket);
        let begun = client.create_multipart_upload().bucket(bucket).key(key).send().await.unwrap();
        let id = begun.upload_id().unwrap();
        let first = client.upload_part_copy().bucket(bucket).key(key).upload_id(id).part_number(1);
        let first = first.copy_source(format!("{BUCKET}/{LONG}")).send().await.unwrap();
        let last = client.upload_part().bucket(bucket).key(key).upload_id(id).part_number(2).body(tail.clone().into());
        let last = last.send().await.unwrap();
        let tags = [first.copy_part_result().unwrap().e_tag().unwrap(), last.e_tag().unwrap()];
        let parts =
            tags.iter().zip(1..).map(|(tag, number)| CompletedPart::builder().part_number(number).e_tag(*tag).build());
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build();
        let done = client.complete_multipart_upload().bucket(bucket).key(key).upload_id(id).multipart_upload(parts);
        let done = done.send().await.unwrap();
        let whole = [bytes(PART, 1), tail].concat();
        self.model.add(key, done.version_id(), Some(whole), None);
    }

    async fn delete(&mut self, key: &'static str) {
        let gone = self.client.delete_object().bucket(&self.bucket).key(key).send().await.unwrap();
        assert_eq!(gone.delete_marker(), self.model.versioning.map(|_| true));
        self.model.add(key, gone.version_id(), None, None);
    }

    async fn delete_version(&mut self, key: &'static str, version: usize) {
        let Some(chosen) = self.model.chosen(key, Some(version)).cloned() else { return };
        let gone =
            self.client.delete_object().bucket(&self.bucket).key(key).version_id(&chosen.id).send().await.unwrap();
        assert_eq!(gone.delete_marker(), chosen.body.is_none().then_some(true));
        let versions = self.model.keys.get_mut(key).expect("it was chosen from them");
        versions.retain(|version| version.id != chosen.id);
    }

    async fn tag(&mut self, key: &'static str, version: Option<usize>, value: u8) {
        let chosen = self.model.chosen(key, version).cloned();
        let tag = Tag::builder().key("n").value(value.to_string()).build().unwrap();
        let tagging = Tagging::builder().tag_set(tag).build().unwrap();
        let put = self.client.put_object_tagging().bucket(&self.bucket).key(key).tagging(tagging);
        let put = put.set_version_id(version.and(chosen.as_ref()).map(|chosen| chosen.id.clone()));
        let expected = match &chosen {
            None => Some("NoSuchKey"),
            Some(Version { body: None, .. }) => Some("MethodNotAllowed"),
            Some(_) => None,
        };
        assert_eq!(code(put.send().await).map(drop).err().as_deref(), expected);
        if let (Some(chosen), None) = (chosen, expected) {
            let versions = self.model.keys.get_mut(key).expect("it was chosen from them");
            let version = versions.iter_mut().find(|version| version.id == chosen.id).expect("it was chosen from them");
            version.tag = Some(value.to_string());
        }
    }

    /// Compares everything that can be asked for.
    async fn compare(&self) {
        let (client, bucket) = (&self.client, &self.bucket);
        let listed = client.list_objects_v2().bucket(bucket).send().await.unwrap();
        let listed: Vec<(&str, i64)> =
            listed.contents().iter().map(|object| (object.key().unwrap(), object.size().unwrap())).collect();
        let length = |body: &Option<Vec<u8>>| body.as_ref().map(|body| body.len() as i64);
        let expected: Vec<(&str, i64)> = KEYS
            .iter()
            .filter_map(|key| self.model.object(key).map(|object| (*key, length(&object.body).unwrap())))
            .collect();
        assert_eq!(listed, expected);

        let page = client.list_object_versions().bucket(bucket).send().await.unwrap();
        let versions = page
            .versions()
            .iter()
            .map(|one| (one.key().unwrap(), one.version_id().unwrap(), one.is_latest().unwrap(), one.size()));
        let markers = page
            .delete_markers()
            .iter()
            .map(|one| (one.key().unwrap(), one.version_id().unwrap(), one.is_latest().unwrap(), None));
        let mut listed: Vec<_> = versions.chain(markers).collect();
        let mut expected: Vec<_> = Vec::new();
        for (key, versions) in &self.model.keys {
            for (place, version) in versions.iter().enumerate() {
                expected.push((*key, version.id.as_str(), place + 1 == versions.len(), length(&version.body)));
            }
        }
        listed.sort_unstable();
        expected.sort_unstable();
        assert_eq!(listed, expected);

        for key in KEYS {
            self.compare_version(key, None, self.model.object(key)).await;
            for version in self.model.keys.get(key).into_iter().flatten() {
                self.compare_version(key, Some(&version.id), Some(version)).await;
            }
        }
    }

    async fn compare_version(&self, key: &str, id: Option<&str>, expected: Option<&Version>) {
        let id = id.map(str::to_owned);
        let got = self.client.get_object().bucket(&self.bucket).key(key).set_version_id(id.clone()).send().await;
        let tags = self.client.get_object_tagging().bucket(&self.bucket).key(key).set_version_id(id).send().await;
        match expected {
            None => assert_eq!(code(got).map(drop).unwrap_err(), "NoSuchKey"),
            Some(Version { body: None, .. }) => assert_eq!(code(got).map(drop).unwrap_err(), "MethodNotAllowed"),
            Some(Version { id, body: Some(body), tag }) => {
                let got = got.unwrap();
                assert_eq!(got.version_id(), self.model.versioning.map(|_| id.as_str()));
                assert!(got.body.collect().await.unwrap().to_vec() == *body, "{key} {id}");
                let tags = tags.unwrap();
                assert_eq!(tags.tag_set().first().map(Tag::value), tag.as_deref());
            }
        }
    }

    /// Removes everything, after which nothing may be left.
    async fn clear(self) {
        for (key, versions) in &self.model.keys {
            for version in versions {
                let delete = self.client.delete_object().bucket(&self.bucket).key(*key).version_id(&version.id);
                delete.send().await.unwrap();
            }
        }
        self.client.delete_bucket().bucket(&self.bucket).send().await.unwrap();
        self.server.store.sweep().await.unwrap();
        assert_eq!(self.server.files("content").len(), 1);
    }
}

#[test]
fn any_sequence_of_operations_leaves_what_a_map_would_hold() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = runtime.block_on(Server::start());
    let admin = server.admin();
    let put = admin.put_object().bucket(BUCKET).key(LONG).body(bytes(PART, 1).into());
    runtime.block_on(put.send()).unwrap();
    let mut runner = TestRunner::new(ProptestConfig { cases: 16, failure_persistence: None, ..Default::default() });
    let number = std::cell::Cell::new(0);
    let outcome = runner.run(&vec(step(), 1..40), |steps| {
        number.set(number.get() + 1);
        let bucket = format!("case-{}", number.get());
        runtime.block_on(async {
            admin.create_bucket().bucket(&bucket).send().await.unwrap();
            let mut case = Case { server: &server, client: admin.clone(), bucket, model: Model::default() };
            for step in steps {
                case.run(step).await;
            }
            case.compare().await;
            case.clear().await;
        });
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
