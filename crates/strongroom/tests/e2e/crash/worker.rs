//! A client that does everything at once and stops when the service is gone.

use std::sync::Arc;

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::dice::Dice;
use super::ledger::{Attempt, Known, Ledger};
use crate::caller::Caller;
use crate::files;
use crate::ways::{BOUNDARY, Way, form_body};

/// The service is gone, or was going while it answered.
struct Gone;

/// One of several at the same time.
pub(super) struct Worker {
    caller: Caller,
    ledger: Arc<Ledger>,
    dice: Dice,
    number: u32,
    files: u32,
}

impl Worker {
    pub(super) fn new(caller: Caller, ledger: Arc<Ledger>, dice: Dice, number: u32) -> Self {
        Self { caller, ledger, dice, number, files: 0 }
    }

    /// Works until the service goes away.
    pub(super) async fn run(mut self) {
        while self.step().await.is_ok() {}
    }

    async fn step(&mut self) -> Result<(), Gone> {
        match self.dice.between(0, 9) {
            0..=6 => self.hand_in().await,
            7 => self.delete().await,
            8 => self.restore().await,
            _ => self.change().await,
        }
    }

    async fn hand_in(&mut self) -> Result<(), Gone> {
        self.files += 1;
        let name = format!("{}-{}.png", self.number, self.files);
        let length = match self.dice.between(0, 19) {
            // Two parts, so that a kill can fall between them.
            0 => self.dice.between(9 << 20, 10 << 20),
            1..=5 => self.dice.between(100_000, 1_000_000),
            _ => self.dice.between(200, 20_000),
        };
        let bytes = files::large_png(self.number * 10_000 + self.files, usize::try_from(length).unwrap_or(200));
        let attempt = Attempt { bytes: bytes.len(), sha256: files::sha256(&bytes) };
        match Way::ALL[usize::try_from(self.dice.between(0, 4)).unwrap_or(0)] {
            Way::Raw => {
                self.ledger.attempted(&name, attempt);
                let path = format!("/v1/spaces/files/objects?name={name}");
                let request = self.caller.request(reqwest::Method::POST, &path);
                let object = answer(request.header("content-type", "image/png").body(bytes), 201).await?;
                self.acknowledge(&object, "raw");
            }
            Way::Form => {
                self.ledger.attempted(&name, attempt);
                let request = self.caller.request(reqwest::Method::POST, "/v1/spaces/files/objects");
                let body = form_body(&[("name".to_owned(), name)], "image/png", &bytes);
                let kind = format!("multipart/form-data; boundary={BOUNDARY}");
                let object = answer(request.header("content-type", kind).body(body), 201).await?;
                self.acknowledge(&object, "form");
            }
            way => self.hand_in_directly(way, &name, &bytes, attempt).await?,
        }
        Ok(())
    }

    async fn hand_in_directly(&mut self, way: Way, name: &str, bytes: &[u8], attempt: Attempt) -> Result<(), Gone> {
        let method = way.method();
        let body = json!({ "method": method, "name": name, "content_type": "image/png", "bytes": bytes.len() });
        let path = "/v1/spaces/files/uploads";
        let upload = answer(self.caller.json(reqwest::Method::POST, path, &body), 201).await?;
        // Some clients never send anything, some send and never complete, some say that they give up.
        let fate = self.dice.between(0, 19);
        if fate == 0 {
            return Ok(());
        }
        // Whatever arrives whole becomes an object sooner or later, even if its client never says so.
        self.ledger.attempted(name, attempt);
        match way {
            Way::Put => drop(answer(crate::ways::put(&upload, bytes), 200).await?),
            Way::Post => drop(answer(crate::ways::post(&upload, "image/png", bytes), 201).await?),
            _ => {
                let part_bytes = usize::try_from(upload["part_bytes"].as_u64().unwrap_or(1)).unwrap_or(1);
                for ((_, url), part) in crate::ways::urls(&upload).iter().zip(bytes.chunks(part_bytes)) {
                    answer(crate::caller::client().put(url).body(part.to_vec()), 200).await?;
                }
            }
        }
        let path = format!("/v1/uploads/{}", upload["id"].as_str().unwrap_or_default());
        match fate {
            1 => Ok(()),
            2 => answer(self.caller.request(reqwest::Method::DELETE, &path), 204).await.map(drop),
            _ => {
                let complete = self.caller.json(reqwest::Method::POST, &format!("{path}/complete"), &json!({}));
                let object = answer(complete, 200).await?;
                self.acknowledge(&object, method);
                Ok(())
            }
        }
    }

    fn acknowledge(&self, object: &Value, way: &'static str) {
        self.ledger.settle(object["id"].as_str().unwrap_or_default(), Known::There);
        self.ledger.count(way);
    }

    async fn delete(&mut self) -> Result<(), Gone> {
        let Some(id) = self.ledger.choose(self.dice.between(0, 1 << 40), Known::There) else { return Ok(()) };
        self.ledger.settle(&id, Known::Either);
        answer(self.caller.request(reqwest::Method::DELETE, &format!("/v1/objects/{id}")), 204).await?;
        self.ledger.settle(&id, Known::Deleted);
        self.ledger.count("delete");
        Ok(())
    }

    async fn restore(&mut self) -> Result<(), Gone> {
        let Some(id) = self.ledger.choose(self.dice.between(0, 1 << 40), Known::Deleted) else { return Ok(()) };
        self.ledger.settle(&id, Known::Either);
        let path = format!("/v1/objects/{id}/restore");
        answer(self.caller.json(reqwest::Method::POST, &path, &json!({})), 200).await?;
        self.ledger.settle(&id, Known::There);
        self.ledger.count("restore");
        Ok(())
    }

    async fn change(&mut self) -> Result<(), Gone> {
        let Some(id) = self.ledger.choose(self.dice.between(0, 1 << 40), Known::There) else { return Ok(()) };
        let body = json!({ "tags": [format!("round-{}", self.number)] });
        let request = self.caller.json(reqwest::Method::PATCH, &format!("/v1/objects/{id}"), &body);
        // Another worker may have deleted it meanwhile, which is a conflict.
        let response = request.send().await.map_err(|_| Gone)?;
        let status = response.status().as_u16();
        response.bytes().await.map_err(|_| Gone)?;
        assert!(matches!(status, 200 | 409), "changing {id} gave {status}");
        if status == 200 {
            self.ledger.count("change");
        }
        Ok(())
    }
}

/// The body of an answer with this status. Any other answer is a failure of the test; none at all is the kill.
async fn answer(request: RequestBuilder, wanted: u16) -> Result<Value, Gone> {
    let response = request.send().await.map_err(|_| Gone)?;
    let status = response.status().as_u16();
    let body = response.bytes().await.map_err(|_| Gone)?;
    assert_eq!(status, wanted, "{}", String::from_utf8_lossy(&body));
    Ok(serde_json::from_slice(&body).unwrap_or(Value::Null))
}
