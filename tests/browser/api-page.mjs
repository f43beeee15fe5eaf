// The API page: it shows every operation of /openapi.json, whole, filtered and by link.

import assert from "node:assert/strict";

const METHODS = ["get", "post", "put", "patch", "delete", "head", "options"];

async function operations(service) {
  const api = await (await fetch(`${service.url}/openapi.json`)).json();
  const all = Object.entries(api.paths).flatMap(([path, item]) => METHODS.filter((method) => item[method]).map((method) => ({ method, path, ...item[method] })));
  return { api, all };
}

async function opened(visitor) {
  await visitor.page.goto("/docs");
  await visitor.page.locator("#routes:not([aria-busy]) .route").first().waitFor();
}

export const cases = [
  ["the API page shows every operation with its parameters, answers and a curl line", async ({ visit, service }) => {
    const { api, all } = await operations(service);
    assert.ok(all.length >= 10, "the service describes its routes");
    const visitor = await visit();
    await opened(visitor);
    const ids = await visitor.page.locator("[id]").evaluateAll((elements) => elements.map((element) => element.id));
    assert.equal(new Set(ids).size, ids.length, "every route has an address of its own");
    const shown = await visitor.page.locator(".route").evaluateAll((routes) => routes.map((route) => {
      const texts = (selector) => [...route.querySelectorAll(selector)].map((element) => element.textContent);
      return {
        name: `${texts(".method")[0]} ${texts(".path")[0]}`,
        statuses: texts(".status"),
        parameters: texts("tbody td:first-child code"),
        body: texts("h3").includes("Body"),
        curl: texts(".example code")[0],
        words: route.textContent,
      };
    }));
    assert.deepEqual(shown.map((route) => route.name).sort(), all.map((one) => `${one.method.toUpperCase()} ${one.path}`).sort());
    for (const one of all) {
      const route = shown.find((candidate) => candidate.name === `${one.method.toUpperCase()} ${one.path}`);
      assert.deepEqual([...route.statuses].sort(), Object.keys(one.responses).sort(), `${route.name} shows its answers`);
      const parameters = [...api.paths[one.path].parameters ?? [], ...one.parameters ?? []].filter((parameter) => parameter.name);
      assert.deepEqual(route.parameters, parameters.map((parameter) => parameter.name), `${route.name} shows its parameters`);
      assert.equal(route.body, one.requestBody !== undefined, `${route.name} shows its body`);
      assert.match(route.curl, /^curl (-X [A-Z]+ )?'http/);
      assert.ok(!/undefined|\[object|NaN/.test(route.words), `${route.name} shows no nonsense`);
    }
  }],

  ["the curl lines work as they stand", async ({ visit, service }) => {
    const visitor = await visit();
    await opened(visitor);
    const run = async (id, expected) => {
      const line = await visitor.page.locator(`#${id} .example code`).textContent();
      const [, method = "GET", url] = /^curl (?:-X (\w+) )?'([^']+)'/.exec(line);
      const headers = Object.fromEntries([...line.matchAll(/-H ["']([^:]+): ([^"']+)["']/g)].map(([, name, value]) => [name, value.replace("$TOKEN", service.token)]));
      const answer = await fetch(url, { method, headers, body: /-d '(.+)'$/.exec(line)?.[1] });
      assert.equal(answer.status, expected, `${line} answered ${answer.status}`);
      return answer.json();
    };
    assert.ok((await run("get-v1-spaces", 200)).items.length > 0);
    assert.ok(Array.isArray((await run("get-v1-spaces-space-objects", 200)).items));
    assert.equal((await run("post-v1-links", 200)).items[0].error.code, "not-found");
    const upload = await run("post-v1-spaces-space-uploads", 201);
    assert.equal(upload.state, "open");
    await service.ask("DELETE", `/v1/uploads/${upload.id}`, { expected: 204 });
  }],

  ["the filter leaves what holds every word and says how many", async ({ visit, service }) => {
    const { all } = await operations(service);
    const visitor = await visit();
    await opened(visitor);
    const count = visitor.page.locator("#count");
    assert.equal(await count.textContent(), `${all.length} routes`);
    await visitor.page.getByLabel("Filter the routes").fill("POST uploads complete");
    await count.filter({ hasText: ` of ${all.length} routes` }).waitFor();
    const left = await visitor.page.locator(".route:visible .path").allTextContents();
    assert.ok(left.includes("/v1/uploads/{id}/complete"));
    assert.ok(left.length < all.length);
    await visitor.page.getByLabel("Filter the routes").fill("");
    assert.equal(await visitor.page.locator(".route:visible").count(), all.length);
  }],

  ["a link to a route opens it", async ({ visit }) => {
    const visitor = await visit();
    await opened(visitor);
    const entry = visitor.page.locator("#list a").filter({ hasText: "/v1/links" });
    await entry.click();
    const route = visitor.page.locator(".route[open]");
    await route.locator(".path", { hasText: "/v1/links" }).waitFor();
    assert.ok(await route.locator(".example").isVisible());
    await visitor.page.reload();
    await visitor.page.locator(".route[open] .path", { hasText: "/v1/links" }).waitFor();
  }],

  ["the table of problems holds each code that the service answers with", async ({ visit, service }) => {
    const visitor = await visit();
    await opened(visitor);
    const rows = await visitor.page.locator("#codes tbody tr").evaluateAll((all) => all.map((row) => [row.cells[0].textContent, row.cells[1].textContent]));
    const told = new Map(rows.map(([status, code]) => [code, status]));
    const asked = [
      ["GET", "/v1/audit", null], ["GET", "/v1/nowhere", service.token], ["GET", "/v1/spaces", "sr_bad_token"],
      ["PUT", "/v1/spaces", service.token], ["POST", "/v1/links", service.token],
    ];
    for (const [method, path, token] of asked) {
      const answer = await fetch(`${service.url}${path}`, { method, headers: token ? { authorization: `Bearer ${token}` } : {}, body: method === "POST" ? "{" : undefined });
      const problem = await answer.json();
      assert.equal(told.get(problem.code), String(answer.status), `${method} ${path} answered ${answer.status} ${problem.code}`);
      await visitor.page.goto(problem.type);
      await visitor.page.locator(`tr:target[id="${problem.code}"]`).waitFor();
    }
  }],

  ["a description that cannot be read is told in words", async ({ visit }) => {
    const visitor = await visit();
    visitor.expects(/500/);
    await visitor.page.route("**/openapi.json", (route) => route.fulfill({ status: 500, body: "" }));
    await visitor.page.goto("/docs");
    await visitor.page.locator("#state").filter({ hasText: "could not be read. The service answered 500." }).waitFor();
  }],
];
