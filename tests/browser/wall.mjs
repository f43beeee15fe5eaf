// The wall of a space: pictures, pages, links that end and come back, deleting and putting back.

import assert from "node:assert/strict";
import { weave } from "./png.mjs";

/** The status and bytes of a link as anybody outside the browser sees them. */
async function follow(url) {
  const answer = await fetch(url);
  return { status: answer.status, bytes: Buffer.from(await answer.arrayBuffer()) };
}

export const cases = [
  ["the pictures of a space hang on its wall, and each is drawn", async ({ visit, service }) => {
    const visitor = await visit({ size: [1280, 6000] });
    await visitor.signIn("demo");
    const { items } = await service.ask("GET", "/v1/spaces/demo/objects?limit=48");
    assert.ok(items.length >= 12, "the demonstration has pictures");
    assert.deepEqual(await visitor.page.locator(".work .name").allTextContents(), items.map((object) => object.name));
    const pictures = items.filter((object) => object.version.content_type.startsWith("image/")).length;
    await visitor.page.waitForFunction((count) => [...document.querySelectorAll(".frame img")].filter((image) => image.naturalWidth > 0).length === count, pictures);
  }],

  ["the wall hangs thumbnails, and the view shows the picture itself and tells of its variants", async ({ visit, service }) => {
    const made = async () => {
      const { items } = await service.ask("GET", "/v1/spaces/demo/objects?limit=48");
      return items.every((object) => object.picture?.state === "made");
    };
    for (let look = 0; !await made(); look += 1) {
      assert.ok(look < 600, "the thumbnails of the demonstration are made");
      await new Promise((then) => setTimeout(then, 100));
    }
    const visitor = await visit({ size: [1280, 820] });
    await visitor.signIn("demo");
    const [first] = (await service.ask("GET", "/v1/spaces/demo/objects?limit=1")).items;
    const hung = visitor.work(first.name).locator(".frame img");
    assert.match(await hung.getAttribute("src"), /\/generated\/.*\/thumb-/);
    await visitor.page.waitForFunction(() => document.querySelector(".frame img").naturalWidth === 320);
    // The blurred likeness goes as soon as the thumbnail is there.
    await visitor.page.waitForFunction(() => document.querySelector(".frame img").getAttribute("style") === null);
    await visitor.work(first.name).locator(".frame").click();
    assert.doesNotMatch(await visitor.page.locator(".view-picture img").getAttribute("src"), /\/generated\//);
    assert.match(await visitor.page.locator("#view-facts").textContent(), /720 × 720.*thumb: 320 × 320/s);
    assert.ok(await visitor.page.locator("#view-download").isVisible());
  }],

  ["until a thumbnail is there its place holds a blurred likeness", async ({ visit }) => {
    const visitor = await visit({ size: [1280, 820] });
    let letThrough;
    const held = new Promise((then) => { letThrough = then; });
    await visitor.page.route("**/generated/**", async (route) => { await held; await route.continue(); });
    await visitor.signIn("demo");
    const first = visitor.page.locator(".frame img").first();
    assert.match(await first.getAttribute("style"), /data:image\/png/);
    const before = await first.boundingBox();
    assert.ok(before.width > 100 && Math.abs(before.width - before.height) < 30, JSON.stringify(before));
    letThrough();
    await visitor.page.waitForFunction(() => document.querySelector(".frame img").getAttribute("style") === null);
    const after = await first.boundingBox();
    assert.ok(Math.abs(before.width - after.width) < 2, `nothing jumps: ${JSON.stringify([before, after])}`);
  }],

  ["who does not see what was handed in sees its largest variant, and why there is none", async ({ visit }) => {
    const visitor = await visit({ size: [1280, 820] });
    const reason = { code: "picture-truncated", detail: "It ends too early." };
    await visitor.page.route("**/v1/spaces/demo/objects?*", async (route) => {
      const answer = await route.fetch();
      const page = await answer.json();
      for (const object of page.items) object.link = null;
      page.items[1].picture = { ...page.items[1].picture, state: "refused", reason, variants: [] };
      page.items[2].picture = { ...page.items[2].picture, state: "waiting", variants: [] };
      await route.fulfill({ response: answer, json: page });
    });
    await visitor.signIn("demo");
    const { page } = visitor;
    await page.locator(".frame").nth(0).click();
    assert.match(await page.locator(".view-picture img").getAttribute("src"), /\/generated\/.*\/thumb-/);
    assert.match(await page.locator("#view-open").getAttribute("href"), /\/generated\/.*\/thumb-/);
    assert.ok(await page.locator("#view-download").isHidden(), "nothing can be saved under its name");
    for (const words of [/refused: It ends too early\./, /processing/]) {
      await page.keyboard.press("ArrowRight");
      assert.match(await page.locator("#view-facts").textContent(), words);
      assert.equal(await page.locator(".view-picture img").count(), 0);
    }
  }],

  ["more of a long space comes page by page, each object once", async ({ visit, service }) => {
    const prefix = `paged-${Date.now()}-`;
    for (let number = 0; number < 60; number += 1) await service.handIn("files", `${prefix}${String(number).padStart(2, "0")}.png`, weave(12, 12, number));
    const visitor = await visit();
    await visitor.signIn("files");
    await visitor.page.getByLabel("Order").selectOption("name");
    // The page looks once the typing pauses; until then the wall shows what was there before.
    const looked = visitor.page.waitForResponse((response) => response.url().includes(`prefix=${prefix}`));
    await visitor.page.getByLabel("Names beginning with").fill(prefix);
    await looked;
    await visitor.settled();
    assert.equal(await visitor.page.locator(".work").count(), 48);
    await visitor.page.getByRole("button", { name: "More" }).click();
    await visitor.page.waitForFunction(() => document.querySelectorAll(".work").length === 60);
    const names = await visitor.page.locator(".work .name").allTextContents();
    assert.deepEqual(names, Array.from({ length: 60 }, (_, number) => `${prefix}${String(number).padStart(2, "0")}.png`));
    await visitor.page.locator(".work:nth-child(49) .frame:focus").waitFor();
    assert.ok(await visitor.page.getByRole("button", { name: "More" }).isHidden(), "there is no more");
  }],

  ["a name is never taken for markup", async ({ visit, service }) => {
    const name = `<img src=x onerror="window.fooled=1"><b>${Date.now()}</b>.png`;
    await service.handIn("files", name, weave(40, 40, 2));
    const visitor = await visit();
    await visitor.signIn("files");
    const work = visitor.work(name);
    assert.equal(await work.locator(".name").textContent(), name);
    await work.locator(".frame").click();
    assert.equal(await visitor.page.locator("#view-name").textContent(), name);
    assert.equal(await visitor.page.evaluate(() => window.fooled), undefined);
  }],

  ["a copied link opens the very bytes, for anybody", async ({ visit, service }) => {
    const bytes = weave(120, 90, 7);
    const object = await service.handIn("files", `opens-${Date.now()}.png`, bytes);
    const visitor = await visit();
    await visitor.signIn("files");
    await visitor.work(object.name).getByRole("button", { name: /Copy link/ }).click();
    await visitor.page.locator("#said").filter({ hasText: `Link to “${object.name}” copied.` }).waitFor();
    const opened = await follow(await visitor.clipboard());
    assert.equal(opened.status, 200);
    assert.deepEqual(opened.bytes, bytes);
    assert.match(await visitor.work(object.name).locator(".left").textContent(), /^\d+:\d\d$|min|days/);
  }],

  ["a link that ends says so, opens nothing any more, and comes back fresh", async ({ visit, service }) => {
    const bytes = weave(80, 80, 5);
    const object = await service.handIn("short", `ends-${Date.now()}.png`, bytes);
    const visitor = await visit();
    await visitor.signIn("short");
    const link = visitor.work(object.name).locator(".link");
    await link.filter({ hasText: "Expired" }).waitFor();
    const offered = await link.getAttribute("aria-label");
    assert.match(offered, /^Expired: get a fresh link/);
    await link.click();
    await visitor.page.locator("#said").filter({ hasText: "copied" }).waitFor();
    const url = await visitor.clipboard();
    const fresh = await follow(url);
    assert.equal(fresh.status, 200);
    assert.deepEqual(fresh.bytes, bytes);
    await link.filter({ hasText: "Expired" }).waitFor();
    assert.equal((await follow(url)).status, 403, "the link answers 403 once the page says that it has ended");
  }],

  ["the view shows an object, tells when its link ends, and offers a fresh one", async ({ visit, service }) => {
    const object = await service.handIn("short", `view-${Date.now()}.png`, weave(200, 140, 4));
    const visitor = await visit();
    await visitor.signIn("short");
    await visitor.work(object.name).locator(".frame").click();
    const view = visitor.page.getByRole("dialog");
    await view.getByRole("heading", { name: object.name }).waitFor();
    for (const fact of [object.version.sha256, object.version.key, "image/png"]) {
      assert.ok((await view.locator("#view-facts").textContent()).includes(fact), `the view tells ${fact}`);
    }
    await view.getByText(/^Expired at/).waitFor();
    const before = await view.getByLabel("Link", { exact: true }).inputValue();
    await view.getByRole("button", { name: "Get a fresh link" }).click();
    await view.getByText(/^Ends in/).waitFor();
    const after = await view.getByLabel("Link", { exact: true }).inputValue();
    await view.locator("#said").filter({ hasText: "copied" }).waitFor();
    assert.notEqual(after, before);
    assert.equal(await visitor.clipboard(), after);
  }],

  ["a download is saved under its own name", async ({ visit, service }) => {
    const bytes = weave(64, 64, 11);
    const object = await service.handIn("files", `Größe “7” ${Date.now()}.png`, bytes);
    const visitor = await visit();
    await visitor.signIn("files");
    await visitor.work(object.name).locator(".frame").click();
    const [download] = await Promise.all([visitor.page.waitForEvent("download"), visitor.page.getByRole("button", { name: "Download" }).click()]);
    const chunks = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk);
    assert.deepEqual(Buffer.concat(chunks), bytes);
    assert.match(download.suggestedFilename(), /^Größe .7. \d+\.png$/);
  }],

  ["deleting leaves a place to undo it, and undo puts the object back", async ({ visit, service }) => {
    const object = await service.handIn("files", `undo-${Date.now()}.png`, weave(90, 60, 9));
    const visitor = await visit();
    await visitor.signIn("files");
    const work = visitor.work(object.name);
    await work.hover();
    await work.getByRole("button", { name: /^Delete/ }).click();
    await work.locator(".undo:focus").waitFor();
    assert.equal((await service.named("files", object.name)).length, 0, "it is not listed any more");
    await work.getByRole("button", { name: /^Undo/ }).click();
    await work.locator(".frame:focus").waitFor();
    const [back] = await service.named("files", object.name);
    assert.equal(back.deleted_at, null);
    await work.getByRole("button", { name: /Copy link/ }).waitFor();
    await visitor.page.waitForFunction((id) => [...document.querySelectorAll(".frame img")].some((image) => image.src.includes(id) && image.naturalWidth > 0), object.id);
  }],

  ["what was deleted can be found and put back later", async ({ visit, service }) => {
    const object = await service.handIn("files", `later-${Date.now()}.png`, weave(50, 50, 6));
    await service.ask("DELETE", `/v1/objects/${object.id}`, { expected: 204 });
    const visitor = await visit();
    await visitor.signIn("files");
    assert.equal(await visitor.work(object.name).count(), 0);
    await visitor.page.getByRole("button", { name: "Deleted", exact: true }).click();
    await visitor.page.getByRole("button", { name: `Undo: put “${object.name}” back` }).click();
    await visitor.page.locator("#said").filter({ hasText: "is back" }).waitFor();
    assert.equal((await service.ask("GET", `/v1/objects/${object.id}`)).deleted_at, null);
  }],

  ["a space that cannot be listed says why and can be asked again", async ({ visit }) => {
    const visitor = await visit();
    visitor.expects(/503/);
    const refusal = { type: "about:blank", title: "Service Unavailable", status: 503, code: "storage-unavailable", detail: "The storage does not answer.", request_id: "r" };
    await visitor.page.route("**/v1/spaces/demo/objects*", (route) => route.fulfill({ status: 503, contentType: "application/problem+json", json: refusal }), { times: 1 });
    await visitor.signIn("demo");
    await visitor.page.locator("#note").filter({ hasText: refusal.detail }).waitFor();
    await visitor.page.getByRole("button", { name: "Try again" }).click();
    await visitor.page.locator(".work").first().waitFor();
    assert.ok(await visitor.page.locator("#note").isHidden());
  }],

  ["a name that nothing begins with is answered with words, not with a blank", async ({ visit }) => {
    const visitor = await visit();
    await visitor.signIn("demo");
    await visitor.page.getByLabel("Names beginning with").fill("no such thing");
    await visitor.page.getByRole("heading", { name: "No name begins so" }).waitFor();
    assert.equal(await visitor.page.locator(".work").count(), 0);
  }],
];
