// The console by keyboard alone, and what a reader of screens is told: names, places, messages, no needless movement.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { weave } from "./png.mjs";

const MOST_STEPS = 400;

/** Presses Tab until the element that `selector` means has the focus, and sees that the focus is visible there. */
async function tabTo(page, selector, key = "Tab") {
  for (let step = 0; step < MOST_STEPS; step += 1) {
    await page.keyboard.press(key);
    const reached = await page.evaluate((wanted) => {
      const focused = document.activeElement;
      if (!focused.matches(wanted)) return null;
      const outlined = [focused, ...focused.children].some((element) => {
        const { outlineStyle, outlineWidth } = getComputedStyle(element);
        return outlineStyle !== "none" && parseFloat(outlineWidth) > 0;
      });
      return { outlined };
    }, selector);
    if (!reached) continue;
    assert.ok(reached.outlined, `the focus on ${selector} can be seen`);
    return;
  }
  assert.fail(`${selector} cannot be reached with ${key}`);
}

/** Everything one can act on that has no name for a reader of screens. */
async function nameless(page) {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  await session.detach();
  const acting = ["button", "link", "textbox", "searchbox", "combobox", "progressbar", "dialog"];
  return nodes.filter((node) => !node.ignored && acting.includes(node.role?.value) && !node.name?.value).map((node) => node.role.value);
}

export const cases = [
  ["everything can be done by keyboard alone, and the focus is always to be seen", async ({ visit, service, folder }) => {
    const name = `keys-${Date.now()}.png`;
    const path = join(folder, name);
    writeFileSync(path, weave(160, 120, 12));
    const { page } = await visit();
    await page.goto("/");
    await page.getByLabel("Token", { exact: true }).waitFor();
    await page.keyboard.insertText(service.token);
    await page.keyboard.press("Enter");
    await page.locator("#wall:not([aria-busy])").waitFor();

    await tabTo(page, "#spaces a[href='#/files']", "Shift+Tab");
    await page.keyboard.press("Enter");
    await page.locator("#spaces a[href='#/files'][aria-current=page]").waitFor();
    await page.locator("#wall:not([aria-busy])").waitFor();
    const chooser = page.waitForEvent("filechooser");
    await tabTo(page, "#choose");
    await page.keyboard.press("Enter");
    await (await chooser).setFiles(path);
    await page.locator("#said").filter({ hasText: `“${name}” is in.` }).waitFor();

    const frame = `.frame[aria-label="Look at “${name}”"]`;
    await tabTo(page, frame);
    await page.keyboard.press("Enter");
    await page.locator("#view[open]").waitFor();
    assert.ok(await page.evaluate(() => document.getElementById("view").contains(document.activeElement)), "the focus is inside the view");
    for (let step = 0; step < 12; step += 1) {
      await page.keyboard.press("Tab");
      const outside = await page.evaluate(() => document.activeElement !== document.body && !document.getElementById("view").contains(document.activeElement));
      assert.ok(!outside, "the focus stays inside the view");
    }
    await page.keyboard.press("Escape");
    await page.locator(`${frame}:focus`).waitFor();

    await tabTo(page, ".link");
    await page.keyboard.press("Enter");
    await page.locator("#said").filter({ hasText: `Link to “${name}” copied.` }).waitFor();
    await tabTo(page, ".delete");
    await page.keyboard.press("Enter");
    await page.locator(".undo:focus").waitFor();
    await page.keyboard.press("Enter");
    await page.locator(`${frame}:focus`).waitFor();
    assert.equal((await service.named("files", name)).length, 1);

    await tabTo(page, "#sign-out", "Shift+Tab");
    await page.keyboard.press("Enter");
    await page.locator("#token:focus").waitFor();
  }],

  ["the arrows leaf through the view, and closing it leaves the focus where one stopped", async ({ visit }) => {
    const visitor = await visit();
    await visitor.signIn("demo");
    const names = await visitor.page.locator(".work .name").allTextContents();
    await visitor.page.locator(".frame").first().click();
    await visitor.page.keyboard.press("ArrowRight");
    await visitor.page.keyboard.press("ArrowRight");
    assert.equal(await visitor.page.locator("#view-name").textContent(), names[2]);
    await visitor.page.keyboard.press("ArrowLeft");
    assert.equal(await visitor.page.locator("#view-name").textContent(), names[1]);
    await visitor.page.keyboard.press("Escape");
    await visitor.page.locator(".work:nth-child(2) .frame:focus").waitFor();
  }],

  ["everything one can act on has a name, on every screen", async ({ visit }) => {
    const visitor = await visit();
    await visitor.page.goto("/");
    await visitor.page.getByLabel("Token", { exact: true }).waitFor();
    assert.deepEqual(await nameless(visitor.page), []);
    await visitor.signIn("demo");
    assert.deepEqual(await nameless(visitor.page), []);
    await visitor.page.locator(".frame").first().click();
    assert.deepEqual(await nameless(visitor.page), []);
    await visitor.page.goto("/docs");
    await visitor.page.locator(".route").first().waitFor();
    assert.deepEqual(await nameless(visitor.page), []);
  }],

  ["each page has its landmarks, its language and one first heading", async ({ visit }) => {
    const visitor = await visit();
    await visitor.signIn("demo");
    for (const path of [null, "/docs"]) {
      if (path) await visitor.page.goto(path);
      assert.equal(await visitor.page.getByRole("main").count(), 1);
      assert.equal(await visitor.page.getByRole("banner").count(), 1);
      assert.ok(await visitor.page.getByRole("navigation").count() >= 1);
      assert.equal(await visitor.page.getByRole("heading", { level: 1 }).count(), 1);
      assert.equal(await visitor.page.locator("html").getAttribute("lang"), "en");
    }
  }],

  ["nothing moves for those who asked for stillness", async ({ visit }) => {
    const visitor = await visit({ motion: "reduce" });
    await visitor.page.route("**/v1/spaces/demo/objects*", async (route) => {
      const moving = await visitor.page.evaluate(() => document.getAnimations().length);
      assert.equal(moving, 0, "not even while the wall is loading");
      await route.continue();
    });
    await visitor.signIn("demo");
    await visitor.page.locator(".frame").first().hover();
    assert.equal(await visitor.page.evaluate(() => document.getAnimations().length), 0);
  }],
];
