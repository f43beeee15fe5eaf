//! What the queries promise, on both databases: order, pages, what comes back, and that no list reads a whole table.

mod copies;

use jiff::Timestamp;
use serde_json::Map;
use strongroom_testbed::{Postgres, psql};
use tempfile::TempDir;
use uuid::Uuid;

use super::objects::{self, After, Filter, Media, Object, Order, Version, Visible};
use super::{Db, Error, api_keys, audit, doomed, milestones, usage};

/// Both databases, empty, with what they lie in.
struct Both {
    all: Vec<(&'static str, Db)>,
    server: Postgres,
    _folder: TempDir,
}

impl Both {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Beside it and not in it: the user that the server runs as may not look into that.
        let server = Postgres::start(folder.path().parent().unwrap(), &[]).unwrap();
        let sqlite = Db::open(&folder.path().join("db")).unwrap();
        let postgres = Db::connect(server.url().parse().unwrap(), 4).await.unwrap();
        Self { all: vec![("SQLite", sqlite), ("PostgreSQL", postgres)], server, _folder: folder }
    }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap()
}

fn object(number: u128, name: &str) -> Object {
    let now = at(1_700_000_000_000 + i64::try_from(number).unwrap());
    Object {
        id: Uuid::from_u128(number),
        space: "files".to_owned(),
        owner: Some(format!("owner{}", number % 50)),
        creator: Some("creator".to_owned()),
        group: Some(format!("group{}", number % 100)),
        name: name.to_owned(),
        tags: vec![format!("tag{}", number % 200), "all".to_owned()],
        metadata: Map::new(),
        shared_with: vec![format!("reader{}", number % 100)],
        created_at: now,
        updated_at: now,
        deleted_at: None,
        version: Version {
            number: 1,
            key: format!("files/{number}"),
            content_type: if number.is_multiple_of(2) { "image/png" } else { "text/plain" }.to_owned(),
            bytes: 10,
            sha256: "0".repeat(64),
            media: Media::default(),
            created_at: now,
        },
    }
}

fn everything() -> Filter {
    Filter {
        space: "files".to_owned(),
        visible: vec![Visible::All],
        prefix: None,
        owner: None,
        group: None,
        tag: None,
        content_type: None,
        sha256: None,
        created_after: None,
        created_before: None,
        deleted: false,
        order: Order::Name,
        after: None,
        limit: 1000,
    }
}

async fn insert(db: &Db, objects: Vec<Object>) {
    db.write(move |tx| objects.iter().try_for_each(|object| objects::insert(tx, object))).await.unwrap();
}

async fn names(db: &Db, filter: Filter) -> Vec<String> {
    let list: Result<Vec<Object>, Error> = db.scan(move |tx| objects::list(tx, &filter)).await;
    list.unwrap().into_iter().map(|object| object.name).collect()
}

#[tokio::test]
async fn names_are_ordered_and_begun_bytewise_and_pages_follow_each_other() {
    // What a dictionary orders otherwise: capitals, accents, signs, characters of four bytes.
    let mut words =
        vec!["b", "a", "B", "Ä", "ä", "Z", "z", "_", "-", "a b", "ab", "a-b", "é", "e", "\u{ffff}", "😀", "a"];
    let both = Both::open().await;
    for (which, db) in &both.all {
        let objects = words.iter().zip(1..).map(|(word, number)| object(number, word)).collect();
        insert(db, objects).await;
        words.sort_unstable();
        assert_eq!(names(db, everything()).await, words, "{which}");
        let begun = names(db, Filter { prefix: Some("a".to_owned()), ..everything() }).await;
        assert_eq!(begun, ["a", "a", "a b", "a-b", "ab"], "{which}");
        for order in [Order::Name, Order::Newest, Order::Oldest] {
            let (mut after, mut seen) = (None, Vec::new());
            loop {
                let filter = Filter { order, after, limit: 4, ..everything() };
                let page: Result<Vec<Object>, Error> = db.scan(move |tx| objects::list(tx, &filter)).await;
                let page = page.unwrap();
                let Some(last) = page.last() else { break };
                after = Some(After { name: last.name.clone(), id: last.id });
                seen.extend(page.into_iter().map(|object| object.id));
            }
            let whole: Result<Vec<Object>, Error> =
                db.scan(move |tx| objects::list(tx, &Filter { order, ..everything() })).await;
            assert_eq!(seen, whole.unwrap().into_iter().map(|object| object.id).collect::<Vec<_>>(), "{which}");
        }
    }
}

#[tokio::test]
async fn what_is_written_is_read_back_whole() {
    let both = Both::open().await;
    for (which, db) in &both.all {
        let mut one = object(7, "name");
        one.metadata.insert("k".to_owned(), serde_json::json!({ "n": null, "t": "\u{0}é" }));
        insert(db, vec![one.clone()]).await;
        one.deleted_at = Some(at(1_700_000_000_999));
        one.group = None;
        let changed = one.clone();
        db.write(move |tx| objects::update(tx, &changed)).await.unwrap();
        let id = one.id;
        let found: Result<_, Error> = db.read_one(move |tx| objects::get(tx, id)).await;
        assert_eq!(found.unwrap(), Some(one.clone()), "{which}");
        let found: Result<_, Error> = db.read(|tx| objects::by_key(tx, "files/7")).await;
        assert_eq!(found.unwrap(), Some(one), "{which}");

        let entry = audit::Entry {
            id: 0,
            at: at(1_700_000_000_000),
            actor: "user:a".to_owned(),
            action: "link".to_owned(),
            space: None,
            object: Some(id),
            request_id: None,
            detail: Map::new(),
        };
        let entries = vec![entry; 3];
        db.write(move |tx| audit::insert(tx, &entries)).await.unwrap();
        let filter = audit::Filter { object: Some(id), before: Some(3), limit: 10, ..audit::Filter::default() };
        let found: Result<Vec<audit::Entry>, Error> = db.read(move |tx| audit::list(tx, &filter)).await;
        assert_eq!(found.unwrap().iter().map(|entry| entry.id).collect::<Vec<_>>(), [2, 1], "{which}");

        let change = usage::Change { bytes: 5, objects: 1, ..usage::Change::default() };
        for _ in 0..2 {
            db.write(move |tx| usage::change(tx, "files", Some("a"), change)).await.unwrap();
        }
        let accounts: Result<Vec<usage::Usage>, Error> = db.read(|tx| usage::list(tx, ("", ""), 10)).await;
        let accounts = accounts.unwrap();
        assert_eq!(
            accounts.iter().map(|usage| (usage.owner.as_str(), usage.bytes)).collect::<Vec<_>>(),
            [("", 10), ("a", 10)]
        );

        db.write(|tx| doomed::insert(tx, "", "k", at(0)).and_then(|()| doomed::insert(tx, "", "k", at(1))))
            .await
            .unwrap();
        db.write(|tx| doomed::insert(tx, "old", "a", at(0)).and_then(|()| doomed::insert(tx, "old", "b", at(0))))
            .await
            .unwrap();
        let in_buckets = [(String::new(), 1), ("old".to_owned(), 2)];
        assert_eq!(db.scan(doomed::buckets).await.unwrap(), in_buckets, "{which}");
        assert_eq!(db.write(|tx| doomed::forget(tx, "old")).await.unwrap(), 2, "{which}");
        assert_eq!(db.scan(doomed::buckets).await.unwrap(), in_buckets[..1], "{which}");
        db.write(|tx| milestones::reach(tx, "m", at(0))).await.unwrap();
        let found: Result<_, Error> = db
            .read(|tx| {
                Ok((
                    doomed::list(tx, &doomed::Doomed::default(), Timestamp::MAX, 10)?,
                    milestones::reached(tx, "m")?,
                    milestones::reached(tx, "n")?,
                    api_keys::list(tx)?,
                ))
            })
            .await;
        assert_eq!(
            found.unwrap(),
            (vec![doomed::Doomed { bucket: String::new(), key: "k".to_owned() }], true, false, Vec::new()),
            "{which}"
        );
    }
}

/// Whether a list asks for less than everything in a space.
fn narrow(sql: &str) -> bool {
    ["owner =", "group_name =", "sha256 =", "content_type >=", "EXISTS", "NOT NULL", "name >="]
        .iter()
        .any(|word| sql.contains(word))
}

/// Every list, as the service asks for it.
fn filters() -> Vec<Filter> {
    let after = Some(After { name: "name 2000".to_owned(), id: Uuid::from_u128(2000) });
    let tied = Visible::Tied { subject: "owner7".to_owned(), owner: true, creator: true, shared: true };
    let narrow: Vec<Filter> = vec![
        everything(),
        Filter { prefix: Some("name 7".to_owned()), ..everything() },
        Filter { owner: Some("owner7".to_owned()), ..everything() },
        Filter { group: Some("group7".to_owned()), ..everything() },
        Filter { tag: Some("tag7".to_owned()), ..everything() },
        Filter { content_type: Some("image/*".to_owned()), ..everything() },
        Filter { sha256: Some("0".repeat(64)), ..everything() },
        Filter { deleted: true, ..everything() },
        Filter { visible: vec![tied], ..everything() },
    ];
    let mut filters = Vec::new();
    for filter in narrow {
        for order in [Order::Newest, Order::Oldest, Order::Name] {
            filters.push(Filter { order, limit: 51, ..filter.clone() });
            filters.push(Filter { order, limit: 51, after: after.clone(), ..filter.clone() });
        }
    }
    filters
}

#[tokio::test]
async fn no_list_reads_a_whole_table() {
    const OBJECTS: u128 = 4_000;
    let both = Both::open().await;
    for (which, db) in &both.all {
        for begin in (0..OBJECTS).step_by(1000) {
            insert(db, (begin..begin + 1000).map(|number| object(number, &format!("name {number}"))).collect()).await;
        }
        if *which == "PostgreSQL" {
            psql(&both.server.url(), "ANALYZE").unwrap();
        }
        let explain = if *which == "SQLite" { "EXPLAIN QUERY PLAN" } else { "EXPLAIN" };
        let column = if *which == "SQLite" { 3 } else { 0 };
        let plans: Result<Vec<(String, Vec<String>)>, Error> = db
            .read(move |tx| {
                let mut plans = Vec::new();
                for filter in filters() {
                    let (sql, values) = objects::list_query(&filter);
                    let values: Vec<_> = values.iter().map(|value| &**value as _).collect();
                    plans.push((sql.clone(), tx.all(&format!("{explain} {sql}"), &values, |row| row.get(column))?));
                }
                Ok(plans)
            })
            .await;
        for (sql, plan) in plans.unwrap() {
            let plan = plan.join("\n");
            assert!(!plan.is_empty(), "{which}: {sql}");
            let whole = plan.lines().find(|line| {
                let line = line.trim();
                line.contains("Seq Scan") || (line.starts_with("SCAN") && !line.contains("USING"))
            });
            assert!(whole.is_none(), "{which}: {sql}\n{plan}");
            // A page of everything comes out of an index in its order: nothing is sorted, however much there is.
            let sorts = plan.contains("Sort") || plan.contains("TEMP B-TREE");
            assert!(!sorts || narrow(&sql), "{which}: {sql}\n{plan}");
        }
    }
}
