// A visitor: one browser window with a clean session, which remembers every complaint the page makes.

import assert from "node:assert/strict";
import { join } from "node:path";

const PATIENCE_MS = 20_000;

export class Visitor {
  /** Opens a window. `manner` may set `scheme` (light, dark), `size` ([width, height]) and `motion` (reduce, no-preference). */
  static async arrive(browser, service, { scheme = "light", size = [1280, 820], motion = "reduce" } = {}) {
    const context = await browser.newContext({
      baseURL: service.url,
      colorScheme: scheme,
      reducedMotion: motion,
      viewport: { width: size[0], height: size[1] },
      permissions: ["clipboard-read", "clipboard-write"],
    });
    context.setDefaultTimeout(PATIENCE_MS);
    const visitor = new Visitor(context, await context.newPage(), service);
    await visitor.listen();
    return visitor;
  }

  constructor(context, page, service) {
    Object.assign(this, { context, page, service, complaints: [], forgiven: [] });
  }

  async listen() {
    this.page.on("pageerror", (error) => this.complaints.push(`page error: ${error.message}`));
    this.page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.complaints.push(`console: ${message.text()}`);
    });
    await this.page.exposeFunction("violated", (words) => this.complaints.push(`content security policy: ${words}`));
    await this.page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => window.violated(`${event.violatedDirective} ${event.blockedURI}`));
    });
  }

  /** The browser itself logs refused requests; a test that provokes one says so with this. */
  expects(complaint) {
    this.forgiven.push(complaint);
  }

  hasNoComplaints() {
    const left = this.complaints.filter((words) => !this.forgiven.some((pattern) => pattern.test(words)));
    assert.deepEqual(left, [], "the page complained");
  }

  /** Signs in with the administrator's token and goes to a space. */
  async signIn(space) {
    await this.page.goto(`/#/${space}`);
    await this.page.getByLabel("Token", { exact: true }).fill(this.service.token);
    await this.page.getByRole("button", { name: "Sign in" }).click();
    await this.settled();
  }

  /** Waits until the wall hangs, full or bare. */
  async settled() {
    await this.page.locator("#room:not([hidden]) #wall:not([aria-busy])").waitFor();
  }

  /** The place on the wall of the object called `name`. */
  work(name) {
    return this.page.locator(".work").filter({ has: this.page.getByRole("heading", { name, exact: true, includeHidden: true }) });
  }

  /** What lies on the clipboard. */
  clipboard() {
    return this.page.evaluate(() => navigator.clipboard.readText());
  }

  /** Drags files of this machine over the page and lets them fall, as a hand with a mouse does. */
  async drop(...paths) {
    const session = await this.context.newCDPSession(this.page);
    const data = { items: [], files: paths, dragOperationsMask: 1 };
    for (const type of ["dragEnter", "dragOver"]) await session.send("Input.dispatchDragEvent", { type, x: 600, y: 500, data });
    await this.page.locator("body.dragging").waitFor();
    await session.send("Input.dispatchDragEvent", { type: "drop", x: 600, y: 500, data });
    await session.detach();
  }

  async picture(folder, name) {
    await this.page.screenshot({ path: join(folder, `${name}.png`) });
  }

  leave() {
    return this.context.close();
  }
}
