//! How much memory the service needs while a file goes through it that is larger than it could ever hold.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::service::Service;

const FILE_BYTES: u64 = 2 * 1024 * 1024 * 1024;
const CHUNK: usize = 1024 * 1024;

/// Resident memory in MiB.
#[derive(Debug)]
pub(super) struct Memory {
    /// Before the file, with the service warm.
    pub(super) idle: f64,
    /// The highest while the file went in and came back out.
    pub(super) peak: f64,
}

/// Hands a 2 GiB file in and reads it back through its link, and looks at the process meanwhile.
pub(super) fn measure(service: &Service) -> Result<Memory> {
    // The first requests allocate what then stays: pools, caches, prepared statements.
    for _ in 0..50 {
        hand_in(service, 100 * 1024)?;
    }
    let idle = status(service, "VmRSS:")?;
    // Sets the high-water mark back to the present.
    std::fs::write(format!("/proc/{}/clear_refs", service.process()), "5")?;
    let object = hand_in(service, FILE_BYTES)?;
    let url = object["link"]["url"].as_str().context("the object has no link")?;
    let length = read_back(url)?;
    ensure!(length == FILE_BYTES, "{length} bytes came back");
    Ok(Memory { idle, peak: status(service, "VmHWM:")? })
}

fn hand_in(service: &Service, bytes: u64) -> Result<Value> {
    let mut stream = TcpStream::connect(service.address()?)?;
    write!(
        stream,
        "POST /v1/spaces/files/objects?name=large.txt HTTP/1.1\r\nhost: strongroom\r\nauthorization: Bearer {}\r\n\
         content-type: text/plain\r\ncontent-length: {bytes}\r\nconnection: close\r\n\r\n",
        service.token()
    )?;
    let chunk: Vec<u8> = b"Forty-two bolts of indigo twill, received.\n".iter().copied().cycle().take(CHUNK).collect();
    let mut left = bytes;
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        stream.write_all(&chunk[..length])?;
        left -= length as u64;
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer has no head")?;
    ensure!(head.starts_with("HTTP/1.1 201"), "the service refused the file: {answer}");
    Ok(serde_json::from_str(body)?)
}

/// Reads what a link gives and throws it away; the number of bytes.
fn read_back(url: &str) -> Result<u64> {
    let rest = url.strip_prefix("http://").context("the link is not plain HTTP")?;
    let (host, path) = rest.split_once('/').context("the link has no path")?;
    let address: SocketAddr = host.parse()?;
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")?;
    let mut stream = BufReader::with_capacity(CHUNK, stream);
    let mut line = String::new();
    stream.read_line(&mut line)?;
    ensure!(line.starts_with("HTTP/1.1 200"), "the link was refused: {line}");
    while line != "\r\n" {
        line.clear();
        stream.read_line(&mut line)?;
    }
    Ok(std::io::copy(&mut stream, &mut std::io::sink())?)
}

/// A line of `/proc/…/status`, in MiB.
fn status(service: &Service, name: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.process()))?;
    let kilobytes: f64 = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB")?.trim().parse().ok())
        .with_context(|| format!("the kernel does not tell {name}"))?;
    Ok(kilobytes / 1024.0)
}
