//! `cargo xtask bench store`: the embedded store beside SeaweedFS, and Garage if it is there, in the same run, through
//! presigned URLs.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Map, Value, json};
use strongroom_presign::{Credentials, Endpoint, Method, Request, Signer, Validity};

use super::client::{Sample, drive, send_all};
use super::clock::{Moment, seconds};
use super::{median, release, rounded};
use crate::process::quietly;
use crate::servers::{Kind, Server, garage};
use crate::service::Service;
use crate::setup::{self, Tool};
use crate::workspace::Workspace;

const BUCKET: &str = "bench";
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const SMALL: usize = 20_000;
const LARGE: usize = 5_000_000;
/// Different keys that are written and read; each is written over and over.
const SMALL_KEYS: usize = 500;
const LARGE_KEYS: usize = 8;
const CLIENTS: [usize; 2] = [1, 32];
const PART: usize = 8 << 20;
const PARTS: u16 = 8;
/// How many keys there are where a thousand of them are listed.
const LISTED: usize = 1_000_000;
/// How many of them are written before it is told how far that is, and over how many connections.
const CHUNK: usize = 50_000;
const WRITERS: usize = 128;
/// The service beside it is not measured, and the store is on its defaults.
const CONFIGURATION: &str = "[spaces.files]\n";

/// A store under measurement.
struct Target {
    name: &'static str,
    settings: &'static str,
    address: SocketAddr,
    signer: Signer,
}

/// One kind of request at one number of clients.
struct Scenario {
    name: String,
    clients: usize,
    /// The prepared requests for each target.
    requests: Vec<Vec<Vec<u8>>>,
    samples: Vec<Vec<Sample>>,
}

/// Builds for release, measures both stores in turn and prints what came out.
pub(crate) fn store(workspace: &Workspace, as_json: bool) -> Result<bool> {
    let binary = release(workspace)?;
    setup::install(workspace, &[Tool::SeaweedFs])?;
    let service = Service::start(&binary, CONFIGURATION, &[])?;
    let seaweedfs = Server::start(workspace, Kind::SeaweedFs)?;
    let garage = Server::start_garage(workspace)?;
    let mut targets = vec![ours(&service, &binary)?, seaweedfs_target(&seaweedfs)?];
    match &garage {
        Some(garage) => targets.push(garage_target(garage)?),
        None => {
            println!("garage is not measured: it has not been built (`cargo xtask test --only garage` does that)");
        }
    }
    for target in &targets {
        println!("{}: {}", target.name, target.settings);
        let url = target.signer.presign(&Request::on_bucket(Method::Put), validity()?)?;
        ask(target.address, &request("PUT", &url, &[]))?;
    }

    let mut scenarios = scenarios(&targets)?;
    let mut multipart = vec![Vec::new(); targets.len()];
    // The rounds take turns, so that whatever else the machine does falls on both.
    for round in 0..=ROUNDS {
        for scenario in &mut scenarios {
            for (number, target) in targets.iter().enumerate() {
                // The first round warms both up, and puts what is read.
                let time = if round == 0 { Duration::from_millis(500) } else { ROUND };
                let sample = drive(target.address, &scenario.requests[number], scenario.clients, time)
                    .with_context(|| format!("{} at {}", scenario.name, target.name))?;
                if round > 0 {
                    scenario.samples[number].push(sample);
                }
            }
        }
        for (target, rates) in targets.iter().zip(&mut multipart) {
            rates.push(send_in_parts(target, round)?);
        }
    }
    let mut figures = figures(&targets, &scenarios, &multipart);
    print(&targets, &scenarios, &figures);
    // All are filled at once, because the slowest takes its time; then each is asked while the others rest.
    std::thread::scope(|scope| {
        let filling: Vec<_> = targets.iter().map(|target| scope.spawn(|| fill(target))).collect();
        filling.into_iter().try_for_each(|filling| filling.join().map_err(|_| anyhow!("a thread panicked"))?)
    })?;
    for target in &targets {
        let milliseconds = list(target)?;
        println!("{}: 1000 of {LISTED} keys are listed in {milliseconds:.1} ms", target.name);
        figures.insert(format!("{}_list_1000_ms", target.name), json!(rounded(milliseconds)));
    }
    if as_json {
        println!("{}", Value::Object(figures));
    }
    Ok(true)
}

fn ours(service: &Service, binary: &Path) -> Result<Target> {
    let words = ["store", "keys", "create", "--name", "bench", "--bucket", "*", "--allow", "all", "--json"];
    let made: Value = serde_json::from_str(&quietly(&mut service.command(binary, &words))?)?;
    let text = |name: &str| made[name].as_str().with_context(|| format!("the key has no {name}"));
    Ok(Target {
        name: "strongroom",
        settings: "every file, its folder and the index are synced before the answer",
        address: text("endpoint")?.trim_start_matches("http://").parse()?,
        signer: Signer::new(
            Credentials::new(text("access_key_id")?, text("secret_access_key")?)?,
            Endpoint::custom(text("endpoint")?, text("region")?)?,
            BUCKET,
        )?,
    })
}

fn seaweedfs_target(server: &Server) -> Result<Target> {
    let settings = "its default: no file and no entry is synced before the answer";
    target("seaweedfs", settings, server, Credentials::new("admin", "admin-secret")?)
}

fn garage_target(server: &Server) -> Result<Target> {
    let settings = "its default: one node, LMDB, data_fsync = false and metadata_fsync = false, so nothing is synced";
    target("garage", settings, server, Credentials::new(garage::ACCESS_KEY, garage::SECRET_KEY)?)
}

fn target(name: &'static str, settings: &'static str, server: &Server, credentials: Credentials) -> Result<Target> {
    Ok(Target {
        name,
        settings,
        address: server.endpoint.trim_start_matches("http://").parse()?,
        signer: Signer::new(credentials, Endpoint::custom(&server.endpoint, "us-east-1")?, BUCKET)?,
    })
}

fn scenarios(targets: &[Target]) -> Result<Vec<Scenario>> {
    let mut scenarios = Vec::new();
    for (size, length, keys) in [("20kb", SMALL, SMALL_KEYS), ("5mb", LARGE, LARGE_KEYS)] {
        let content = content(length);
        for (verb, body) in [("put", content.as_slice()), ("get", &[])] {
            for clients in CLIENTS {
                let requests = targets.iter().map(|target| {
                    let requests = (0..keys).map(|number| {
                        let key = format!("{size}/{number}");
                        let what = if verb == "put" { Request::put(&key) } else { Request::get(&key) };
                        let url = target.signer.presign(&what, validity()?)?;
                        Ok(request(&verb.to_uppercase(), &url, body))
                    });
                    requests.collect::<Result<Vec<_>>>()
                });
                scenarios.push(Scenario {
                    name: format!("{verb}_{size}_{clients}"),
                    clients,
                    requests: requests.collect::<Result<_>>()?,
                    samples: targets.iter().map(|_| Vec::new()).collect(),
                });
            }
        }
    }
    // What is read has to be there: every key is written once before anything is measured.
    for scenario in scenarios.iter().filter(|scenario| scenario.name.starts_with("put") && scenario.clients == 1) {
        for (target, requests) in targets.iter().zip(&scenario.requests) {
            for chunk in requests.chunks(32) {
                drive(target.address, chunk, chunk.len(), Duration::ZERO)?;
            }
        }
    }
    Ok(scenarios)
}

/// 64 MiB in eight parts at once; MB a second from the beginning to the answer of the completion.
fn send_in_parts(target: &Target, round: usize) -> Result<f64> {
    let key = format!("film/{round}");
    let begun = Moment::now();
    let url = target.signer.presign(&Request::create_multipart(&key), validity()?)?;
    let answer = ask(target.address, &request("POST", &url, &[]))?;
    let id = between(&answer, "<UploadId>", "</UploadId>")?;
    let content = content(PART);
    let part = |number: u16| -> Result<Vec<u8>> {
        let url = target.signer.presign(&Request::upload_part(&key, id, number), validity()?)?;
        Ok(request("PUT", &url, &content))
    };
    // All parts are the same, so they all have the tag of the first.
    let first = ask(target.address, &part(1)?)?;
    let tag = first
        .lines()
        .find_map(|line| line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("etag")))
        .map(|(_, tag)| tag.trim().to_owned())
        .context("a part has no tag")?;
    let parts = (2..=PARTS).map(part).collect::<Result<Vec<_>>>()?;
    drive(target.address, &parts, parts.len(), Duration::ZERO)?;
    let named = (1..=PARTS).map(|number| format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"));
    let named = named.collect::<Vec<_>>().concat();
    let document = format!("<CompleteMultipartUpload>{named}</CompleteMultipartUpload>");
    let url = target.signer.presign(&Request::complete_multipart(&key, id), validity()?)?;
    ask(target.address, &request("POST", &url, document.as_bytes()))?;
    Ok((PART * usize::from(PARTS)) as f64 / 1e6 / begun.elapsed().as_secs_f64())
}

/// Puts the keys of which some are listed. Their objects are empty, so that writing a million of them takes minutes.
fn fill(target: &Target) -> Result<()> {
    for begin in (0..LISTED).step_by(CHUNK) {
        let puts = (begin..LISTED.min(begin + CHUNK)).map(|number| {
            let url = target.signer.presign(&Request::put(&listed(number)), validity()?)?;
            Ok(request("PUT", &url, &[]))
        });
        let done = send_all(target.address, &puts.collect::<Result<Vec<_>>>()?, WRITERS)
            .with_context(|| format!("{} was filled", target.name))?;
        println!("{}: {} of {LISTED} keys, {:.0} a second", target.name, begin + CHUNK, done.per_second);
    }
    Ok(())
}

fn listed(number: usize) -> String {
    format!("many/{number:07}")
}

/// How long a thousand keys in the middle of many take, in milliseconds.
fn list(target: &Target) -> Result<f64> {
    let times = (0..20).map(|round| {
        let after = listed(round * LISTED / 21);
        let page =
            Request::list_objects().query("max-keys", "1000").query("prefix", "many/").query("start-after", after);
        let asked = request("GET", &target.signer.presign(&page, validity()?)?, &[]);
        let begun = Moment::now();
        let answer = ask(target.address, &asked)?;
        ensure!(answer.matches("<Key>").count() == 1000, "a page of {} is not one of a thousand keys", target.name);
        Ok(begun.elapsed().as_secs_f64() * 1000.0)
    });
    Ok(median(times.collect::<Result<Vec<f64>>>()?.into_iter()))
}

fn validity() -> Result<Validity> {
    Ok(Validity::new(seconds(), 86_400)?)
}

/// Bytes that no store can make smaller by noticing that they repeat at short distance.
fn content(length: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut content = Vec::with_capacity(length + 8);
    while content.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        content.extend(state.to_le_bytes());
    }
    content.truncate(length);
    content
}

/// A request of a presigned URL as it goes over the wire.
fn request(method: &str, url: &str, body: &[u8]) -> Vec<u8> {
    let rest = url.trim_start_matches("http://");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut request = format!("{method} /{path} HTTP/1.1\r\nhost: {host}\r\n").into_bytes();
    if method != "GET" {
        request.extend(format!("content-length: {}\r\n", body.len()).bytes());
    }
    request.extend(b"\r\n");
    request.extend(body);
    request
}

/// Sends one request on a connection of its own; the head and the body of the answer, which has to be a success.
fn ask(address: SocketAddr, request: &[u8]) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let end = request.windows(4).position(|window| window == b"\r\n\r\n").context("a request has a head")?;
    stream.write_all(&request[..end])?;
    stream.write_all(b"\r\nconnection: close")?;
    stream.write_all(&request[end..])?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    ensure!(answer.starts_with("HTTP/1.1 2"), "a request was refused: {answer}");
    Ok(answer)
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Result<&'a str> {
    let (_, rest) = text.split_once(before).with_context(|| format!("no {before} in {text}"))?;
    Ok(rest.split_once(after).with_context(|| format!("no {after} in {text}"))?.0)
}

/// The figures by name; ratios are of throughput, the medians over the rounds.
fn figures(targets: &[Target], scenarios: &[Scenario], multipart: &[Vec<f64>]) -> Map<String, Value> {
    let mut figures = Map::new();
    for target in targets {
        figures.insert(format!("{}_settings", target.name), json!(target.settings));
    }
    let mut put = |name: String, value: f64| {
        figures.insert(name, json!(rounded(value)));
    };
    for scenario in scenarios {
        for (target, samples) in targets.iter().zip(&scenario.samples) {
            let name = format!("{}_{}", target.name, scenario.name);
            put(format!("{name}_per_second"), median(samples.iter().map(|sample| sample.per_second)));
            put(format!("{name}_p99_ms"), median(samples.iter().map(|sample| sample.percentile(0.99))));
        }
        let [ours, others @ ..] = scenario.samples.as_slice() else { continue };
        for (target, theirs) in targets[1..].iter().zip(others) {
            let ratio = median(ours.iter().zip(theirs).map(|(ours, theirs)| ours.per_second / theirs.per_second));
            put(format!("{}_vs_{}", scenario.name, target.name), ratio);
            match scenario.name.as_str() {
                "put_20kb_32" => put(format!("small_put_vs_{}", target.name), ratio),
                "get_20kb_32" => put(format!("small_get_vs_{}", target.name), ratio),
                "get_5mb_32" => put(format!("large_get_vs_{}", target.name), ratio),
                _ => {}
            }
        }
    }
    for (target, rates) in targets.iter().zip(multipart) {
        put(format!("{}_multipart_64mb_mb_per_second", target.name), median(rates.iter().copied()));
    }
    figures
}

fn print(targets: &[Target], scenarios: &[Scenario], figures: &Map<String, Value>) {
    let figure = |name: &str| figures.get(name).and_then(Value::as_f64).unwrap_or(0.0);
    let row = |what: &str, cells: Vec<String>| {
        let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:>16}")).collect();
        println!("{what:<24}{}", cells.concat());
    };
    println!("\n{ROUNDS} rounds in turn, medians; requests a second, and how many times as many the first one answers");
    let names = targets.iter().map(|target| target.name.to_owned());
    row("", names.chain(targets[1..].iter().map(|target| format!("vs {}", target.name))).collect());
    for Scenario { name, .. } in scenarios {
        let rates =
            targets.iter().map(|target| format!("{:.0}", figure(&format!("{}_{name}_per_second", target.name))));
        let ratios = targets[1..].iter().map(|target| format!("{:.2}", figure(&format!("{name}_vs_{}", target.name))));
        row(name, rates.chain(ratios).collect());
    }
    let rate = |target: &Target| figure(&format!("{}_multipart_64mb_mb_per_second", target.name));
    row("64 MiB in parts, MB/s", targets.iter().map(|target| format!("{:.1}", rate(target))).collect());
}

#[cfg(test)]
mod tests {
    use super::{between, content, request};

    #[test]
    fn a_presigned_url_becomes_a_request_on_the_wire() {
        let put = request("PUT", "http://127.0.0.1:1/b/k?X-Amz-Date=1", b"abc");
        assert_eq!(put, b"PUT /b/k?X-Amz-Date=1 HTTP/1.1\r\nhost: 127.0.0.1:1\r\ncontent-length: 3\r\n\r\nabc");
        assert!(request("GET", "http://h/k", b"").ends_with(b"host: h\r\n\r\n"));
    }

    #[test]
    fn contents_are_as_long_as_asked_and_do_not_repeat() {
        let content = content(20_000);
        assert_eq!(content.len(), 20_000);
        assert_ne!(content[..8], content[8..16]);
        assert_eq!(between("a<b>c</b>", "<b>", "</b>").unwrap(), "c");
    }
}
