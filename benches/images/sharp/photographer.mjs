// Hands photographs in and waits until all pictures of them are made: photographer.mjs COUNT strongroom|queue API TOKEN
// FILE... . Tells how many seconds that took.
import fs from 'node:fs';
import { setTimeout } from 'node:timers/promises';

const CLIENTS = 8;
const [count, kind, api, token, ...files] = process.argv.slice(2);
const photographs = files.map((file) => fs.readFileSync(file));

async function ask(path, options) {
  const answer = await fetch(path, options);
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
  return answer;
}

const authorization = `Bearer ${token}`;

// Straight to storage, by a presigned PUT.
async function toStorage(body, number) {
  const announced = { method: 'put', name: `${number}.jpg`, content_type: 'image/jpeg', bytes: body.length };
  const headers = { authorization, 'content-type': 'application/json' };
  const begin = { method: 'POST', headers, body: JSON.stringify(announced) };
  const upload = await (await ask(`${api}/v1/spaces/photos/uploads`, begin)).json();
  await (await ask(upload.url, { method: 'PUT', headers: upload.headers, body })).arrayBuffer();
  const complete = { method: 'POST', headers: { authorization } };
  await (await ask(`${api}/v1/uploads/${upload.id}/complete`, complete)).json();
}

async function toQueue(body, number) {
  await (await ask(`${api}/${number}`, { method: 'PUT', body })).json();
}

async function left() {
  if (kind === 'queue') return (await (await ask(api, {})).json()).left;
  const status = await (await ask(`${api}/v1/status`, { headers: { authorization } })).json();
  if (status.pictures.refused > 0) throw new Error('a photograph was refused');
  return status.pictures.waiting;
}

const send = kind === 'queue' ? toQueue : toStorage;
const begun = performance.now();
let next = 0;
async function client() {
  while (next < Number(count)) {
    const number = next;
    next += 1;
    await send(photographs[number % photographs.length], number);
  }
}
await Promise.all(Array.from({ length: CLIENTS }, client));
while ((await left()) > 0) await setTimeout(50);
console.log(JSON.stringify({ seconds: (performance.now() - begun) / 1000 }));
