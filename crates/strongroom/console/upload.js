// Hands one file straight to storage: begins an upload, sends the bytes with progress, has them verified.

import { Problem, call, pause } from "./api.js";

const ONE_PIECE_BYTES = 32 * 1024 * 1024;
const PARTS_AT_ONCE = 3;
const TRIES_A_PART = 3;
const URLS_A_BATCH = 100;

/**
 * Hands `file` in to the space called `space` and answers the object it became.
 *
 * `report({stage, share})` is told how far it is: `stage` is "preparing", "sending" or "verifying", `share` 0 to 1.
 * `carry` remembers an upload in parts, so that calling again with the same one goes on where the last call broke off.
 */
export async function handIn(file, space, { report, signal, carry = {} }) {
  report({ stage: "preparing", share: 0 });
  const goingOn = carry.upload !== undefined;
  const upload = carry.upload ?? await begin(file, space, signal);
  try {
    const sent = (share) => report({ stage: "sending", share });
    sent(0);
    if (upload.method === "multipart") {
      carry.upload = upload;
      await sendParts(file, upload, goingOn, sent, signal);
    } else {
      await sendWhole(file, upload, sent, signal);
    }
    report({ stage: "verifying", share: 1 });
    return await complete(upload.id, signal);
  } catch (error) {
    const mayGoOn = upload.method === "multipart" && !signal.aborted && (error.status === 0 || error.status >= 500);
    if (!mayGoOn) {
      delete carry.upload;
      // What was begun is given up; should this fail too, the service clears it away when the upload expires.
      call("DELETE", `/v1/uploads/${upload.id}`).catch(() => {});
    }
    throw error;
  }
}

async function begin(file, space, signal) {
  const inParts = file.size > ONE_PIECE_BYTES;
  const body = {
    method: inParts ? "multipart" : "put",
    name: file.name,
    content_type: file.type || "application/octet-stream",
    bytes: file.size,
  };
  // Browsers offer digests on https and on this very machine only; without one the service still checks the size.
  if (!inParts && crypto.subtle) body.sha256 = hex(await crypto.subtle.digest("SHA-256", await read(file)));
  return (await call("POST", `/v1/spaces/${encodeURIComponent(space)}/uploads`, { body, signal })).data;
}

async function read(file) {
  try {
    return await file.arrayBuffer();
  } catch {
    throw new Problem({
      code: "unreadable",
      title: "The file could not be read",
      detail: `“${file.name}” could not be read. It may be a folder, or it was moved or changed since you chose it.`,
    });
  }
}

function hex(digest) {
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Sends all in one request. Storage takes it once: that it has it already is as good as that it takes it. */
async function sendWhole(file, upload, sent, signal) {
  try {
    await send("PUT", upload.url, upload.headers, file, (bytes) => sent(bytes / Math.max(file.size, 1)), signal);
  } catch (error) {
    if (error.status !== 412) throw error;
  }
}

/** Sends what storage has not got yet, a few parts at a time; each worker takes the next number that is left. */
async function sendParts(file, upload, goingOn, sent, signal) {
  const known = goingOn ? (await call("GET", `/v1/uploads/${upload.id}`, { signal })).data.received ?? [] : [];
  const done = new Map(known.map((part) => [part.number, part.bytes]));
  const urls = new Map((upload.parts ?? []).map((part) => [part.number, part.url]));
  const left = [];
  for (let number = 1; number <= upload.part_count; number += 1) if (!done.has(number)) left.push(number);

  const tell = () => sent([...done.values()].reduce((sum, bytes) => sum + bytes, 0) / file.size);
  const sign = async (numbers) => {
    const { data } = await call("POST", `/v1/uploads/${upload.id}/parts`, { body: { numbers }, signal });
    for (const part of data.parts) urls.set(part.number, part.url);
  };
  const sendPart = async (number) => {
    const bytes = file.slice((number - 1) * upload.part_bytes, number * upload.part_bytes);
    for (let tries = 1; ; tries += 1) {
      if (!urls.has(number)) await sign([number, ...left].slice(0, URLS_A_BATCH));
      try {
        await send("PUT", urls.get(number), {}, bytes, (count) => { done.set(number, count); tell(); }, signal);
        return;
      } catch (error) {
        done.set(number, 0);
        // A link may have ended while earlier parts were on their way: the next try asks for a fresh one.
        urls.delete(number);
        if (signal.aborted || tries === TRIES_A_PART) {
          left.length = 0;
          throw error;
        }
      }
    }
  };
  const work = async () => { while (left.length > 0 && !signal.aborted) await sendPart(left.shift()); };
  tell();
  // Parts under way end before a failure is told, so that going on later knows exactly what has arrived.
  const ends = await Promise.allSettled(Array.from({ length: PARTS_AT_ONCE }, work));
  signal.throwIfAborted();
  const broke = ends.find((end) => end.status === "rejected");
  if (broke) throw broke.reason;
}

async function complete(id, signal) {
  for (;;) {
    const { status, data, retryAfter } = await call("POST", `/v1/uploads/${id}/complete`, { body: {}, signal });
    if (status !== 202) return data;
    await pause(retryAfter, signal);
  }
}

/** One request to storage. XMLHttpRequest, because fetch cannot tell how much of a body has gone out. */
function send(method, url, headers, body, onSent, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const request = new XMLHttpRequest();
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) {
      // The browser sets these itself and complains when told to.
      if (!["content-length", "host"].includes(name.toLowerCase())) request.setRequestHeader(name, value);
    }
    request.upload.onprogress = (event) => onSent(event.loaded);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) return resolve();
      return reject(storageProblem(request));
    };
    request.onerror = () => reject(new Problem({
      code: "storage-unreachable",
      title: "Storage did not answer",
      detail: `Storage at ${new URL(url).host} did not answer. It may be down, or it does not let pages from `
        + `${location.origin} send to it (CORS). Try again, or ask whoever runs it.`,
    }));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(body);
  });
}

function storageProblem(request) {
  const answer = new DOMParser().parseFromString(request.responseText, "application/xml");
  const told = ["Code", "Message"].map((name) => answer.querySelector(name)?.textContent).filter(Boolean).join(": ");
  return new Problem({
    status: request.status,
    code: "storage-refused",
    title: "Storage refused the bytes",
    detail: `Storage refused the bytes with ${[request.status, told].filter(Boolean).join(", ")}. `
      + "Try again; a fresh upload link is made each time.",
  });
}
