// Drives the console and the API page in real Chromium against a running service, and says what passed and what failed.
//
// STRONGROOM_URL is where the service listens, STRONGROOM_TOKEN an administrator's token, STRONGROOM_SCREENSHOTS a
// folder for pictures. The service needs the spaces `files` and `short`, the latter with links of a few seconds, and
// `demo` with its pictures. A word on the command line runs only the cases whose names hold it.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

import { cases as api } from "./api-page.mjs";
import { cases as door } from "./door.mjs";
import { cases as keyboard } from "./keyboard.mjs";
import { cases as looks } from "./looks.mjs";
import { cases as uploads } from "./uploads.mjs";
import { cases as wall } from "./wall.mjs";
import { Service } from "./service.mjs";
import { Visitor } from "./visitor.mjs";

const CHROMIUM = "/usr/bin/chromium";
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

const service = new Service(setting("STRONGROOM_URL"), setting("STRONGROOM_TOKEN"));
const screenshots = setting("STRONGROOM_SCREENSHOTS");
mkdirSync(screenshots, { recursive: true });
const folder = mkdtempSync(join(tmpdir(), "strongroom-browser-"));
const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });

let passed = 0;
const failed = [];
const chosen = [...door, ...wall, ...uploads, ...keyboard, ...api, ...looks].filter(([name]) => name.includes(process.argv[2] ?? ""));
for (const [name, run] of chosen) {
  const visitors = [];
  const visit = async (manner) => {
    visitors.push(await Visitor.arrive(browser, service, manner));
    return visitors.at(-1);
  };
  try {
    await run({ visit, service, folder, screenshots });
    for (const visitor of visitors) visitor.hasNoComplaints();
    passed += 1;
    console.log(`ok      ${name}`);
  } catch (error) {
    failed.push(name);
    console.log(`FAILED  ${name}\n${String(error.stack ?? error).replace(/^/gm, "        ")}`);
    for (const [number, visitor] of visitors.entries()) await visitor.picture(screenshots, `failed-${failed.length}-${number + 1}`);
  } finally {
    for (const visitor of visitors) await visitor.leave();
  }
}

await browser.close();
rmSync(folder, { recursive: true });
console.log(`${passed} passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 && passed > 0 ? 0 : 1;

function setting(name) {
  const value = process.env[name];
  if (value) return value;
  console.error(`${name} is not set. See the head of run.mjs for what it is.`);
  return process.exit(2);
}
