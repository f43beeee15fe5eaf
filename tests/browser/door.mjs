// Signing in and out: who gets in, what a wrong token is told, and where the token is kept.

import assert from "node:assert/strict";

const keptTokens = (page) => page.evaluate(() => [JSON.stringify(sessionStorage), JSON.stringify(localStorage), document.cookie, location.href]);

/** Has the page be told of a mirror that is as it should be, but for this. */
export function mirrored(page, change, storage = {}) {
  return page.route("**/v1/status", async (route) => {
    const answer = await route.fetch();
    const status = await answer.json();
    Object.assign(status.storage, storage);
    status.mirror = {
      bucket: "example-mirror", buckets_of_spaces: [], endpoint: "https://mirror.example.com", location: "media/",
      healthy: true, pending: 0, failing: 0, since: null, detail: null, stands_in: false, ...change,
    };
    await route.fulfill({ response: answer, json: status });
  });
}

export const cases = [
  ["a wrong token says so and opens nothing", async ({ visit }) => {
    const visitor = await visit();
    visitor.expects(/401/);
    await visitor.page.goto("/");
    const field = visitor.page.getByLabel("Token", { exact: true });
    await field.fill("sr_nobody_nothing");
    await field.press("Enter");
    const told = visitor.page.locator("#token-wrong");
    await told.filter({ hasText: "does not open this door" }).waitFor();
    assert.equal(await field.getAttribute("aria-invalid"), "true");
    assert.ok(await field.evaluate((element) => element === document.activeElement), "the field has the focus again");
    assert.ok(await visitor.page.locator("#room").isHidden());
    assert.ok(!(await keptTokens(visitor.page)).join().includes("sr_nobody"), "a wrong token is not kept");
  }],

  ["an empty or torn token is refused in words without asking the service", async ({ visit }) => {
    const { page } = await visit();
    const asked = [];
    page.on("request", (request) => { if (request.url().includes("/v1/")) asked.push(request.url()); });
    await page.goto("/");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator("#token-wrong").filter({ hasText: "Paste a token first" }).waitFor();
    await page.getByLabel("Token", { exact: true }).fill("sr_one two");
    await page.keyboard.press("Enter");
    await page.locator("#token-wrong").filter({ hasText: "neither spaces" }).waitFor();
    assert.deepEqual(asked, []);
  }],

  ["the right token opens the room, says where files lie and whether that is healthy", async ({ visit, service }) => {
    const visitor = await visit();
    await visitor.signIn("demo");
    const { storage } = await service.ask("GET", "/v1/status");
    const told = visitor.page.locator("#whereabouts");
    await told.filter({ hasText: storage.bucket }).filter({ hasText: "healthy" }).waitFor();
    assert.equal(await told.getAttribute("data-lamp"), "on");
    assert.match(await told.textContent(), storage.kind === "embedded" ? /own disk/ : new RegExp(storage.region));
    const { items } = await service.ask("GET", "/v1/spaces");
    assert.deepEqual(await visitor.page.locator("#spaces a").allTextContents(), items.map((space) => space.name));
  }],

  ["storage that is unwell is told in words, not by colour alone", async ({ visit }) => {
    const visitor = await visit();
    await visitor.page.route("**/v1/status", async (route) => {
      const answer = await route.fetch();
      const status = await answer.json();
      Object.assign(status, { status: "degraded" });
      Object.assign(status.storage, { healthy: false, detail: "The disk is full." });
      await route.fulfill({ response: answer, json: status });
    });
    await visitor.signIn("demo");
    await visitor.page.locator("#whereabouts[data-lamp=off]").filter({ hasText: "not healthy. The disk is full." }).waitFor();
  }],

  ["a mirror is told with its place, how far it is behind and whether links lead there; without one nothing is", async ({ visit }) => {
    const visitor = await visit();
    await visitor.signIn("demo");
    await visitor.page.locator("#whereabouts[data-lamp=on]").waitFor();
    assert.ok(await visitor.page.locator("#mirror").isHidden());
    for (const [change, lamp, words] of [
      [{}, "on", [/The mirror lies in example-mirror\/media, mirror\.example\.com: it has everything\.$/]],
      [{ pending: 1204, since: "2026-03-01T12:34:56Z" }, "on", [/it lacks 1,204 versions, the oldest since .*2026/]],
      [{ pending: 1, failing: 1, detail: "files/a.png: AccessDenied" }, "off", [/it lacks one version\./, /1 failed again and again\. files\/a\.png: AccessDenied/]],
      [{ stands_in: true }, "on", [/it has everything\. The storage is away, so links lead to the mirror\.$/]],
      [{ healthy: false, pending: null, failing: null }, "off", [/not known just now\. It does not answer\.$/]],
    ]) {
      const told = await visit();
      await mirrored(told.page, change);
      await told.signIn("demo");
      const line = told.page.locator("#mirror");
      await line.waitFor();
      for (const pattern of words) assert.match(await line.textContent(), pattern);
      assert.equal(await line.getAttribute("data-lamp"), lamp);
    }
  }],

  ["the token stays in this tab's session alone and goes when one signs out", async ({ visit, service }) => {
    const visitor = await visit();
    await visitor.signIn("demo");
    const [session, local, cookies, address] = await keptTokens(visitor.page);
    assert.ok(session.includes(service.token));
    for (const place of [local, cookies, address]) assert.ok(!place.includes(service.token), "only sessionStorage holds the token");
    await visitor.page.reload();
    await visitor.settled();
    await visitor.page.getByRole("button", { name: "Sign out" }).click();
    assert.ok(await visitor.page.getByLabel("Token", { exact: true }).isVisible());
    assert.ok(!(await keptTokens(visitor.page)).join().includes(service.token), "nothing holds the token any more");
    assert.equal(await visitor.page.locator(".work").count(), 0, "nothing is left on the wall");
    await visitor.page.reload();
    await visitor.page.getByLabel("Token", { exact: true }).waitFor();
  }],

  ["a token that ends while one is inside leads back to the door with the reason", async ({ visit }) => {
    const visitor = await visit();
    visitor.expects(/401/);
    await visitor.signIn("demo");
    await visitor.page.evaluate(() => {
      for (const key of Object.keys(sessionStorage)) sessionStorage.setItem(key, "sr_revoked_meanwhile");
    });
    await visitor.page.locator("#spaces a", { hasText: "files" }).click();
    await visitor.page.locator("#token-wrong").filter({ hasText: "You have been signed out." }).waitFor();
    assert.ok(await visitor.page.locator("#room").isHidden());
    assert.equal(await visitor.page.evaluate(() => sessionStorage.length), 0);
  }],

  ["the pages are served under a strict content security policy", async ({ service }) => {
    for (const path of ["/", "/docs"]) {
      const policy = (await fetch(`${service.url}${path}`)).headers.get("content-security-policy") ?? "";
      for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]) {
        assert.ok(policy.includes(rule), `${path} is served with ${rule}: ${policy}`);
      }
      assert.ok(!/unsafe|\*/.test(policy), `${path} allows nothing unsafe: ${policy}`);
    }
  }],
];
