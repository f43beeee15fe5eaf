//! `cargo xtask bench http`: links, batches and uploads a second beside a bare route of the same server, and memory.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use super::client::{Sample, drive};
use super::memory::{self, Memory};
use super::{median, release, request, rounded};
use crate::service::Service;
use crate::workspace::Workspace;

/// As many as a busy site keeps open; each waits for its answer before it asks again.
const CONNECTIONS: usize = 128;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const OBJECTS: usize = 200;
const UPLOAD_BYTES: usize = 100 * 1024;

/// Nothing is limited that would not be limited by the machine.
const CONFIGURATION: &str = r#"
[server]
rate_limit = { per_second = 1000000, burst = 1000000 }

[spaces.files]
accept = ["text/plain"]
max_bytes = "3 GiB"
read = ["owner"]
write = ["owner"]
list = ["owner"]
delete = ["owner"]
"#;

/// One kind of request.
struct Scenario {
    name: &'static str,
    what: &'static str,
    requests: Vec<Vec<u8>>,
    samples: Vec<Sample>,
}

/// Builds the service for release, measures it and prints what came out.
pub(crate) fn http(workspace: &Workspace, as_json: bool) -> Result<bool> {
    let binary = release(workspace)?;

    // A process that served nothing else has the truest idle size.
    let memory = memory::measure(&Service::start(&binary, CONFIGURATION, &[])?)?;

    let service = Service::start(&binary, CONFIGURATION, &[])?;
    let address = service.address()?;
    let mut scenarios = scenarios(&service)?;
    for scenario in &scenarios {
        drive(address, &scenario.requests, CONNECTIONS, Duration::from_millis(300))?;
    }
    // The rounds take turns, so that whatever else the machine does falls on all of them.
    for _ in 0..ROUNDS {
        for scenario in &mut scenarios {
            scenario.samples.push(drive(address, &scenario.requests, CONNECTIONS, ROUND)?);
        }
    }
    let figures = figures(&scenarios, &memory);
    print(&scenarios, &figures);
    if as_json {
        println!("{}", Value::Object(figures));
    }
    Ok(true)
}

fn scenarios(service: &Service) -> Result<Vec<Scenario>> {
    let upload = request(service, "POST", "/v1/spaces/files/objects?name=bolt.txt", "text/plain", &text(UPLOAD_BYTES));
    let ids = hand_in_objects(service)?;
    let batches = ids.chunks(100).map(|ids| {
        let body = json!({ "items": ids }).to_string();
        request(service, "POST", "/v1/links", "application/json", body.as_bytes())
    });
    let scenario = |name, what, requests| Scenario { name, what, requests, samples: Vec::new() };
    Ok(vec![
        scenario("hello", "GET /healthz", vec![request(service, "GET", "/healthz", "", b"")]),
        scenario(
            "link",
            "GET /v1/objects/{id}",
            ids.iter().map(|id| request(service, "GET", &format!("/v1/objects/{id}"), "", b"")).collect(),
        ),
        scenario("batch100", "POST /v1/links, 100 items", batches.collect()),
        scenario("upload_100kb", "POST /v1/spaces/files/objects, 100 KB", vec![upload]),
    ])
}

/// Hands in the objects whose links are asked for, and returns their ids.
fn hand_in_objects(service: &Service) -> Result<Vec<String>> {
    let mut ids = Vec::with_capacity(OBJECTS);
    for number in 0..OBJECTS {
        let path = format!("/v1/spaces/files/objects?name=bolt-{number}.txt");
        drive(service.address()?, &[request(service, "POST", &path, "text/plain", &text(100))], 1, Duration::ZERO)?;
    }
    let mut cursor = String::new();
    while ids.len() < OBJECTS {
        let (status, body) = service.get_with_token(&format!("/v1/spaces/files/objects?limit=100{cursor}"))?;
        ensure!(status == 200, "the list was refused: {body}");
        let list: Value = serde_json::from_str(&body)?;
        let items = list["items"].as_array().context("the list has no items")?;
        ensure!(!items.is_empty(), "the list ends too early");
        ids.extend(items.iter().filter_map(|item| item["id"].as_str()).map(str::to_owned));
        cursor = list["next_cursor"].as_str().map(|next| format!("&cursor={next}")).unwrap_or_default();
    }
    Ok(ids)
}

fn text(length: usize) -> Vec<u8> {
    b"Forty-two bolts of indigo twill, received.\n".iter().copied().cycle().take(length).collect()
}

/// The figures by name; ratios are the medians over the rounds, each against the bare route of its own round.
fn figures(scenarios: &[Scenario], memory: &Memory) -> Map<String, Value> {
    let mut figures = Map::new();
    let mut put = |name: String, value: f64| {
        figures.insert(name, json!(rounded(value)));
    };
    let hello = &scenarios[0];
    for scenario in scenarios {
        let name = scenario.name;
        put(format!("{name}_per_second"), median(scenario.samples.iter().map(|sample| sample.per_second)));
        put(format!("{name}_p50_ms"), median(scenario.samples.iter().map(|sample| sample.percentile(0.50))));
        put(format!("{name}_p99_ms"), median(scenario.samples.iter().map(|sample| sample.percentile(0.99))));
        if name != hello.name {
            let rounds = scenario.samples.iter().zip(&hello.samples);
            put(format!("{name}_vs_hello"), median(rounds.map(|(this, bare)| this.per_second / bare.per_second)));
        }
    }
    put("rss_idle_mib".to_owned(), memory.idle);
    put("rss_peak_2gib_mib".to_owned(), memory.peak);
    put("rss_over_idle_mib".to_owned(), memory.peak - memory.idle);
    put("connections".to_owned(), CONNECTIONS as f64);
    put("processors".to_owned(), std::thread::available_parallelism().map_or(1, usize::from) as f64);
    figures
}

fn print(scenarios: &[Scenario], figures: &Map<String, Value>) {
    let figure = |name: &str| figures.get(name).and_then(Value::as_f64).unwrap_or(0.0);
    println!("\n{CONNECTIONS} connections on {} processors, {ROUNDS} rounds in turn, medians", figure("processors"));
    println!("{:<40}{:>12}{:>10}{:>10}{:>10}", "", "per second", "p50 ms", "p99 ms", "vs hello");
    for scenario in scenarios {
        let name = scenario.name;
        let ratio = figures
            .get(&format!("{name}_vs_hello"))
            .and_then(Value::as_f64)
            .map_or(String::new(), |ratio| format!("{ratio:.3}"));
        println!(
            "{:<40}{:>12.0}{:>10.2}{:>10.2}{ratio:>10}",
            scenario.what,
            figure(&format!("{name}_per_second")),
            figure(&format!("{name}_p50_ms")),
            figure(&format!("{name}_p99_ms")),
        );
    }
    println!(
        "\nresident memory: {:.1} MiB idle, at most {:.1} MiB while 2 GiB went in and out ({:.1} MiB over idle)",
        figure("rss_idle_mib"),
        figure("rss_peak_2gib_mib"),
        figure("rss_over_idle_mib"),
    );
}

#[cfg(test)]
mod tests {
    use super::{Memory, Sample, Scenario, figures};

    #[test]
    fn ratios_compare_each_round_with_the_bare_route_of_the_same_round() {
        let scenario = |name, rates: [f64; 3]| Scenario {
            name,
            what: name,
            requests: Vec::new(),
            samples: rates.map(|per_second| Sample { per_second, latencies: vec![1000] }).into(),
        };
        let scenarios = [scenario("hello", [100.0, 200.0, 400.0]), scenario("link", [50.0, 120.0, 200.0])];
        let figures = figures(&scenarios, &Memory { idle: 20.0, peak: 50.0 });
        assert_eq!(figures["link_vs_hello"], 0.5);
        assert_eq!(figures["link_per_second"], 120.0);
        assert_eq!(figures["hello_p99_ms"], 1.0);
        assert_eq!(figures["rss_over_idle_mib"], 30.0);
    }
}
