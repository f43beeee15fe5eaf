// Handing files in from the browser: by drag and drop straight to storage, in parts, refused, stopped and gone on with.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { weave } from "./png.mjs";

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

function written(folder, name, bytes) {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** The requests with bytes that go past the service, straight to storage. */
function sentToStorage(page, service) {
  const sent = [];
  page.on("request", (request) => {
    if (["PUT", "POST"].includes(request.method()) && !request.url().startsWith(service.url)) sent.push(request.url());
  });
  return sent;
}

export const cases = [
  ["a file that is dropped goes straight to storage and hangs first on the wall", async ({ visit, service, folder }) => {
    const bytes = weave(240, 160, 3);
    const name = `dropped-${Date.now()}.png`;
    const visitor = await visit();
    await visitor.signIn("files");
    const sent = sentToStorage(visitor.page, service);
    await visitor.drop(written(folder, name, bytes));
    await visitor.page.locator("#said").filter({ hasText: `“${name}” is in.` }).waitFor();
    assert.equal(await visitor.page.locator(".work .name").first().textContent(), name);
    assert.equal(await visitor.page.locator(".journey").count(), 0, "the tray is empty again");
    assert.equal(await visitor.page.locator("body.dragging").count(), 0);
    const [object] = await service.named("files", name);
    assert.equal(object.version.sha256, sha256(bytes));
    assert.equal(sent.length, 1, "the bytes went to storage, once");
    const opened = await fetch(await visitor.work(name).locator("img").getAttribute("src"));
    assert.equal(opened.status, 200);
    assert.equal(sha256(Buffer.from(await opened.arrayBuffer())), sha256(bytes));
  }],

  ["several files dropped at once all arrive", async ({ visit, service, folder }) => {
    const prefix = `several-${Date.now()}-`;
    const paths = Array.from({ length: 7 }, (_, number) => written(folder, `${prefix}${number}.png`, weave(60 + number, 60, number)));
    const visitor = await visit();
    await visitor.signIn("files");
    await visitor.drop(...paths);
    await visitor.page.waitForFunction((begin) => [...document.querySelectorAll(".work .name")].filter((name) => name.textContent.startsWith(begin)).length === 7, prefix);
    assert.equal((await service.named("files", prefix)).length, 7);
  }],

  ["a large file goes in parts, and its progress is shown", async ({ visit, service, folder }) => {
    const bytes = randomBytes(40 * 1024 * 1024);
    const name = `large-${Date.now()}.bin`;
    const visitor = await visit();
    await visitor.signIn("files");
    const sent = sentToStorage(visitor.page, service);
    await visitor.page.evaluate(() => {
      window.shares = [];
      new MutationObserver(() => {
        const bar = document.querySelector(".journey progress");
        if (bar) window.shares.push(bar.value);
      }).observe(document.getElementById("tray"), { subtree: true, childList: true, attributes: true, characterData: true });
    });
    await visitor.page.locator("#files").setInputFiles(written(folder, name, bytes));
    await visitor.page.locator("#said").filter({ hasText: `“${name}” is in.` }).waitFor({ timeout: 60_000 });
    const shares = await visitor.page.evaluate(() => window.shares);
    assert.ok(shares.some((share) => share > 0 && share < 1), `progress was shown between nothing and all: ${shares}`);
    assert.ok(sent.length > 1, "it went in more than one part");
    const [object] = await service.named("files", name);
    assert.equal(object.version.sha256, sha256(bytes));
    assert.equal(await visitor.work(name).locator(".card").textContent(), "BIN");
  }],

  ["an upload in parts that breaks off goes on where it stopped", async ({ visit, service, folder }) => {
    const bytes = randomBytes(48 * 1024 * 1024);
    const name = `resumed-${Date.now()}.bin`;
    const visitor = await visit();
    visitor.expects(/ERR_FAILED|Failed to load resource/);
    await visitor.signIn("files");
    let broken = true;
    const arrived = [];
    await visitor.page.route((url) => url.origin !== new URL(service.url).origin, (route) => {
      if (route.request().method() !== "PUT") return route.continue();
      if (broken && arrived.length >= 2) return route.abort();
      arrived.push(route.request().url());
      return route.continue();
    });
    await visitor.page.locator("#files").setInputFiles(written(folder, name, bytes));
    const row = visitor.page.locator(".journey.failed");
    await row.filter({ hasText: "Storage at" }).waitFor({ timeout: 60_000 });
    assert.equal((await service.named("files", name)).length, 0, "a half is not an object");
    broken = false;
    await row.getByRole("button", { name: /^Try again/ }).click();
    await visitor.page.locator("#said").filter({ hasText: `“${name}” is in.` }).waitFor({ timeout: 60_000 });
    const [object] = await service.named("files", name);
    assert.equal(object.version.sha256, sha256(bytes));
    const numbers = arrived.map((url) => /partNumber=(\d+)/i.exec(url)?.[1] ?? url);
    assert.equal(new Set(numbers).size, numbers.length, `no part was sent twice: ${numbers}`);
  }],

  ["a page that calls itself a picture is refused in words and hangs nowhere", async ({ visit, service, folder }) => {
    const name = `page-${Date.now()}.png`;
    const visitor = await visit();
    visitor.expects(/Failed to load resource/);
    await visitor.signIn("files");
    await visitor.drop(written(folder, name, "<!doctype html><html><script>alert(1)</script></html>"));
    const row = visitor.page.locator(".journey.failed").filter({ hasText: name });
    await row.filter({ hasText: /html/i }).waitFor();
    assert.match(await visitor.page.locator("#aloud").textContent(), new RegExp(`${name}.* is not in`));
    assert.equal(await visitor.work(name).count(), 0);
    assert.equal((await service.named("files", name)).length, 0);
    await row.getByRole("button", { name: /^Put/ }).click();
    assert.equal(await visitor.page.locator(".journey").count(), 0);
  }],

  ["a type that the space does not take is refused before any byte is sent", async ({ visit, service, folder }) => {
    const visitor = await visit();
    visitor.expects(/415/);
    await visitor.signIn("short");
    const sent = sentToStorage(visitor.page, service);
    await visitor.drop(written(folder, "notes.txt", "Only words."));
    await visitor.page.locator(".journey.failed").filter({ hasText: "text/plain" }).waitFor();
    assert.deepEqual(sent, []);
  }],

  ["an upload can be stopped, and leaves nothing", async ({ visit, service, folder }) => {
    const name = `stopped-${Date.now()}.png`;
    const visitor = await visit();
    visitor.expects(/ERR_FAILED|ERR_ABORTED|Failed to load resource/);
    await visitor.signIn("files");
    let release;
    const held = new Promise((resolve) => { release = resolve; });
    await visitor.page.route((url) => url.origin !== new URL(service.url).origin, async (route) => {
      if (route.request().method() !== "PUT") return route.continue();
      await held;
      return route.abort();
    });
    const givenUp = visitor.page.waitForResponse((answer) => answer.request().method() === "DELETE" && answer.url().includes("/v1/uploads/"));
    await visitor.drop(written(folder, name, weave(300, 300, 8)));
    await visitor.page.locator(".journey").filter({ hasText: "% of" }).waitFor();
    await visitor.page.getByRole("button", { name: `Stop handing in “${name}”` }).click();
    assert.equal(await visitor.page.locator(".journey").count(), 0);
    assert.equal((await givenUp).status(), 204);
    release();
    assert.equal((await service.named("files", name)).length, 0);
  }],
];
