//! `cargo xtask bench scale`: what several nodes do over one PostgreSQL, and what a page of a long list costs.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use strongroom_testbed::{Postgres, psql};

use super::client::{Sample, drive};
use super::{median, release, request, rounded};
use crate::service::Service;
use crate::workspace::Workspace;

const NODES: [usize; 3] = [1, 2, 4];
/// Over all nodes together, so that more nodes are not asked more.
const CONNECTIONS: usize = 64;
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(3);
const OBJECTS: usize = 100;
const UPLOAD_BYTES: usize = 20_000;
const TYPE: &str = "text/plain";

/// How long the lists are, and what they are called in the figures.
const LISTS: [(usize, &str); 3] = [(10_000, "10k"), (100_000, "100k"), (1_000_000, "1m")];
/// One who asks again and again is what a page costs by itself.
const LISTING: Duration = Duration::from_secs(2);

const CONFIGURATION: &str = "[server]\nrate_limit = { per_second = 1000000, burst = 1000000 }\n";

/// What the plans of the real statements are written to the server's log with, once it is asked for.
const EXPLAINING: [&str; 2] = ["session_preload_libraries = 'auto_explain'", "auto_explain.log_min_duration = -1"];

/// What is asked of a list: a name for the figures, and the query.
const PAGES: [(&str, &str); 3] = [
    ("newest", "limit=50"),
    ("by_name", "limit=50&order=name&prefix=cloth-5"),
    ("of_owner", "limit=50&owner=weaver-7"),
];

/// Builds for release, measures and prints.
pub(crate) fn scale(workspace: &Workspace, as_json: bool) -> Result<bool> {
    let binary = release(workspace)?;
    let postgres = Postgres::start(&workspace.target.join("servers"), &EXPLAINING)?;
    // The store that all nodes share is the embedded one of a service that does nothing besides.
    let store = Service::start(&binary, CONFIGURATION, &[])?;
    let keys = store.command(&binary, &["store", "keys", "--json"]).output()?;
    let keys: Value = serde_json::from_slice(&keys.stdout).context("the keys of the store cannot be read")?;
    let configuration = configuration(&postgres, &keys)?;
    let nodes = (0..NODES.into_iter().max().unwrap_or(1)).map(|_| Service::start_node(&binary, &configuration));
    let nodes: Vec<Service> = nodes.collect::<Result<_>>()?;

    let mut figures = Map::new();
    spread(&nodes, &mut figures)?;
    lists(&nodes[0], &postgres, &mut figures)?;
    print(&figures);
    if as_json {
        println!("{}", Value::Object(figures));
    }
    Ok(true)
}

/// One node among several: the database and the bucket are elsewhere.
fn configuration(postgres: &Postgres, keys: &Value) -> Result<String> {
    let word = |value: &Value| value.as_str().map(str::to_owned).context("the store tells of no such key");
    let mut text = format!(
        "{CONFIGURATION}\n[database]\nurl = \"{}\"\n\n[storage]\nprovider = \"seaweedfs\"\nbucket = \"{}\"\n\
         region = \"{}\"\nendpoint = \"{}\"\n",
        postgres.url(),
        word(&keys["bucket"])?,
        word(&keys["region"])?,
        word(&keys["endpoint"])?,
    );
    for identity in ["reader", "writer", "janitor"] {
        let key = &keys[identity];
        let (id, secret) = (word(&key["access_key_id"])?, word(&key["secret_access_key"])?);
        write!(text, "[storage.{identity}]\naccess_key_id = \"{id}\"\nsecret_access_key = \"{secret}\"\n")?;
    }
    for space in std::iter::once("files").chain(LISTS.map(|(_, name)| name)) {
        let all = "[\"signed-in\"]";
        write!(text, "[spaces.s{space}]\nread = {all}\nwrite = {all}\nlist = {all}\n")?;
    }
    Ok(text)
}

/// Links and uploads a second, over more and more nodes in turn.
fn spread(nodes: &[Service], figures: &mut Map<String, Value>) -> Result<()> {
    let path = "/v1/spaces/sfiles/objects?name=bolt.txt";
    let body = vec![b'x'; UPLOAD_BYTES];
    for _ in 0..OBJECTS {
        drive(nodes[0].address()?, &[request(&nodes[0], "POST", path, TYPE, b"a hundred yards")], 1, Duration::ZERO)?;
    }
    let ids = ids(&nodes[0], "sfiles")?;
    let (mut links, mut uploads) = (vec![Vec::new(); NODES.len()], vec![Vec::new(); NODES.len()]);
    for _ in 0..ROUNDS {
        for (place, count) in NODES.into_iter().enumerate() {
            let some = &nodes[..count];
            let link = |node: &Service| {
                ids.iter().map(|id| request(node, "GET", &format!("/v1/objects/{id}"), "", b"")).collect::<Vec<_>>()
            };
            links[place].push(together(some, link)?);
            uploads[place].push(together(some, |node| vec![request(node, "POST", path, TYPE, &body)])?);
        }
    }
    for (place, count) in NODES.into_iter().enumerate() {
        put(figures, format!("links_{count}_nodes_per_second"), median(links[place].iter().copied()));
        put(figures, format!("uploads_{count}_nodes_per_second"), median(uploads[place].iter().copied()));
    }
    for (name, rounds) in [("links", &links), ("uploads", &uploads)] {
        let last = rounds.len() - 1;
        let ratios = rounds[last].iter().zip(&rounds[0]).map(|(all, one)| all / one);
        put(figures, format!("{name}_4_vs_1_nodes"), median(ratios));
    }
    Ok(())
}

/// All nodes at once, each with its share of the connections; answers a second over all of them.
fn together(nodes: &[Service], requests: impl Fn(&Service) -> Vec<Vec<u8>> + Sync) -> Result<f64> {
    let connections = CONNECTIONS / nodes.len();
    std::thread::scope(|scope| {
        let one = |node| drive(Service::address(node)?, &requests(node), connections, ROUND);
        let running: Vec<_> = nodes.iter().map(|node| scope.spawn(move || one(node))).collect();
        let samples =
            running.into_iter().map(|run| run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        samples.map(|sample| sample.map(|sample: Sample| sample.per_second)).sum()
    })
}

/// What a page costs, of lists of several lengths, and whether PostgreSQL reads no more than the page.
fn lists(node: &Service, postgres: &Postgres, figures: &mut Map<String, Value>) -> Result<()> {
    for (length, name) in LISTS {
        println!("writing {length} objects into the database");
        fill(postgres, &format!("s{name}"), length)?;
    }
    psql(&postgres.url(), "VACUUM ANALYZE objects")?;
    psql(&postgres.url(), "VACUUM ANALYZE versions")?;
    for (what, query) in PAGES {
        for (_, name) in LISTS {
            let page = request(node, "GET", &format!("/v1/spaces/s{name}/objects?{query}"), "", b"");
            drive(node.address()?, std::slice::from_ref(&page), 1, Duration::from_millis(300))?;
            let sample = drive(node.address()?, &[page], 1, LISTING)?;
            put(figures, format!("list_{what}_{name}_p50_ms"), sample.percentile(0.5));
        }
        let of = |name: &str| figures.get(&format!("list_{what}_{name}_p50_ms")).and_then(Value::as_f64).unwrap_or(0.0);
        let ratio = of("1m") / of("10k");
        put(figures, format!("list_{what}_1m_vs_10k"), ratio);
    }
    plans(node, postgres)
}

/// Objects as if they had been handed in; nobody looks at their bytes here.
fn fill(postgres: &Postgres, space: &str, length: usize) -> Result<()> {
    let id = format!("md5('{space}' || n)::uuid");
    psql(
        &postgres.url(),
        &format!(
            "INSERT INTO objects (id, space, owner, name, tags, metadata, shared_with, version, created_at, updated_at) \
             SELECT {id}, '{space}', 'weaver-' || n % 100, 'cloth-' || n, '[]', '{{}}', '[]', 1, n, n \
             FROM generate_series(1, {length}) AS n"
        ),
    )?;
    psql(
        &postgres.url(),
        &format!(
            "INSERT INTO versions (object_id, number, key, content_type, bytes, sha256, created_at) \
             SELECT {id}, 1, '{space}/' || n || '.txt', 'text/plain', 1, repeat('0', 64), n \
             FROM generate_series(1, {length}) AS n"
        ),
    )?;
    Ok(())
}

/// Asks for each page once more while PostgreSQL writes down how it finds it.
fn plans(node: &Service, postgres: &Postgres) -> Result<()> {
    psql(&postgres.url(), "ALTER SYSTEM SET auto_explain.log_min_duration = 0")?;
    psql(&postgres.url(), "SELECT pg_reload_conf()")?;
    let log = || std::fs::read_to_string(postgres.data().with_file_name("log")).context("PostgreSQL keeps no log");
    let before = log()?.len();
    for (_, query) in PAGES {
        // Each connection of the node hears of the change when it is next used.
        for _ in 0..20 {
            let (status, body) = node.get_with_token(&format!("/v1/spaces/s1m/objects?{query}"))?;
            ensure!(status == 200, "the list was refused: {body}");
        }
    }
    let log = log()?;
    let written = &log[before..];
    ensure!(written.contains("Index Scan"), "PostgreSQL wrote no plans down");
    let whole: Vec<&str> = written.lines().filter(|line| reads_a_whole_table(line)).collect();
    ensure!(whole.is_empty(), "a page is found by reading a whole table:\n{}", whole.join("\n"));
    println!("PostgreSQL finds every page by an index, and reads no table whole");
    Ok(())
}

fn reads_a_whole_table(line: &str) -> bool {
    ["objects", "versions"].iter().any(|table| line.contains(&format!("Seq Scan on {table}")))
}

/// The ids of the first objects in a space.
fn ids(node: &Service, space: &str) -> Result<Vec<String>> {
    let (status, body) = node.get_with_token(&format!("/v1/spaces/{space}/objects?limit={OBJECTS}"))?;
    ensure!(status == 200, "the list was refused: {body}");
    let list: Value = serde_json::from_str(&body)?;
    let items = list["items"].as_array().context("the list has no items")?;
    Ok(items.iter().filter_map(|item| item["id"].as_str()).map(str::to_owned).collect())
}

fn put(figures: &mut Map<String, Value>, name: String, value: f64) {
    figures.insert(name, json!(rounded(value)));
}

fn print(figures: &Map<String, Value>) {
    let figure = |name: String| figures.get(&name).and_then(Value::as_f64).unwrap_or(0.0);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "\n{CONNECTIONS} connections over all nodes, {processors} processors for all of it, {ROUNDS} rounds in turn, medians"
    );
    println!("{:<40}{:>12}{:>12}{:>12}{:>10}", "", "1 node", "2 nodes", "4 nodes", "4 vs 1");
    for (what, name) in [("links a second", "links"), ("uploads of 20 KB a second", "uploads")] {
        let [one, two, four] = NODES.map(|count| figure(format!("{name}_{count}_nodes_per_second")));
        println!("{what:<40}{one:>12.0}{two:>12.0}{four:>12.0}{:>10.2}", figure(format!("{name}_4_vs_1_nodes")));
    }
    println!(
        "\n{:<40}{:>12}{:>12}{:>12}{:>10}",
        "a page of 50, p50 in ms, in a list of", "10,000", "100,000", "1,000,000", "1m vs 10k"
    );
    for (name, query) in PAGES {
        let [small, middle, large] = LISTS.map(|(_, length)| figure(format!("list_{name}_{length}_p50_ms")));
        println!(
            "{query:<40}{small:>12.2}{middle:>12.2}{large:>12.2}{:>10.2}",
            figure(format!("list_{name}_1m_vs_10k"))
        );
    }
}

#[cfg(test)]
mod tests {
    use super::reads_a_whole_table;

    #[test]
    fn a_plan_that_reads_a_whole_table_is_told_from_one_that_seeks() {
        assert!(reads_a_whole_table("  ->  Seq Scan on objects o  (cost=0.00..1.00 rows=1 width=1)"));
        assert!(!reads_a_whole_table(
            "  ->  Index Scan Backward using objects_by_space on objects o  (cost=0.42..1.00)"
        ));
    }
}
