// The service as a program speaks to it: what the tests ask behind the browser's back, to see whether the page told the truth.

import assert from "node:assert/strict";

export class Service {
  constructor(url, token) {
    this.url = url.replace(/\/$/, "");
    this.token = token;
  }

  /** One request; answers the parsed body, and fails the test unless the status is `expected`. */
  async ask(method, path, { expected = 200, body, type = "application/json" } = {}) {
    const headers = { authorization: `Bearer ${this.token}` };
    if (body !== undefined) headers["content-type"] = type;
    const answer = await fetch(`${this.url}${path}`, { method, headers, body });
    const text = await answer.text();
    assert.equal(answer.status, expected, `${method} ${path} answered ${answer.status}: ${text}`);
    return text ? JSON.parse(text) : null;
  }

  /** Hands bytes in through the service and answers the object. */
  handIn(space, name, bytes, type = "image/png") {
    return this.ask("POST", `/v1/spaces/${space}/objects?name=${encodeURIComponent(name)}`, { expected: 201, body: bytes, type });
  }

  /** The objects of a space whose names begin with `prefix`. */
  async named(space, prefix) {
    return (await this.ask("GET", `/v1/spaces/${space}/objects?limit=1000&prefix=${encodeURIComponent(prefix)}`)).items;
  }
}
