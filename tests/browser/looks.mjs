// How the pages look: screenshots by day and by night, wide and narrow; enough contrast, and nothing that overflows.

import assert from "node:assert/strict";

import { mirrored } from "./door.mjs";

const SCHEMES = ["light", "dark"];
const SIZES = { desktop: [1280, 820], phone: [390, 844] };
const LEAST_CONTRAST = 4.5;

/** Every kind of text on every ground it stands on. */
const PAIRS = [
  ["ink", "wall"], ["ink", "paper"], ["ink", "sunk"], ["quiet", "wall"], ["quiet", "paper"], ["quiet", "sunk"], ["vault", "wall"], ["vault", "paper"],
  ["on-vault", "vault"], ["on-vault", "vault-lit"], ["brass", "wall"], ["bad", "wall"], ["bad", "paper"], ["bad", "bad-wash"], ["wall", "ink"],
];

async function fits(page, name) {
  const [inner, wide] = await page.evaluate(() => [window.innerWidth, document.documentElement.scrollWidth]);
  assert.ok(wide <= inner, `${name} is ${wide} pixels wide in a window of ${inner}`);
}

async function drawn(page) {
  await page.evaluate(() => {
    const seen = [...document.querySelectorAll("img")].filter((image) => image.getBoundingClientRect().top < window.innerHeight);
    return Promise.all(seen.map((image) => image.decode()));
  });
}

const pictures = SCHEMES.flatMap((scheme) => Object.entries(SIZES).map(([device, size]) => [
  `every screen fits and is photographed: ${scheme}, ${device}`, async ({ visit, screenshots }) => {
    const visitor = await visit({ scheme, size });
    const { page } = visitor;
    const take = async (name) => {
      await fits(page, name);
      await visitor.picture(screenshots, `${name}-${device}-${scheme}`);
    };
    await page.goto("/");
    await page.getByLabel("Token", { exact: true }).waitFor();
    await take("door");
    await visitor.signIn("demo");
    await drawn(page);
    await take("wall");
    await page.locator(".frame").nth(1).click();
    await drawn(page);
    await take("view");
    await page.keyboard.press("Escape");
    await page.getByLabel("Names beginning with").fill("nothing begins so");
    await page.locator("#note:not([hidden])").waitFor();
    await take("nothing-found");
    const behind = { pending: 1204, since: "2026-03-01T12:34:56Z", stands_in: true };
    await mirrored(page, behind, { healthy: false, detail: "It does not answer." });
    await page.reload();
    await page.locator("#mirror:not([hidden])").waitFor();
    await drawn(page);
    await take("mirror");
    await page.goto("/docs");
    await page.locator(".route").first().waitFor();
    await take("api");
    await page.goto("/docs#post-v1-spaces-space-uploads");
    await page.locator(".route[open]").waitFor();
    await take("api-route");
  },
]));

const contrasts = SCHEMES.map((scheme) => [
  `all text stands out from its ground: ${scheme}`, async ({ visit }) => {
    const { page } = await visit({ scheme });
    await page.goto("/");
    const weak = await page.evaluate(([pairs, least]) => {
      const probe = document.body.appendChild(document.createElement("i"));
      const light = (name) => {
        probe.style.color = `var(--${name})`;
        const channels = getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map((value) => value / 255);
        const [red, green, blue] = channels.map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
      };
      return pairs.map(([text, ground]) => {
        const [high, low] = [light(text), light(ground)].sort((a, b) => b - a);
        return [text, ground, (high + 0.05) / (low + 0.05)];
      }).filter(([, , contrast]) => contrast < least);
    }, [PAIRS, LEAST_CONTRAST]);
    assert.deepEqual(weak, []);
  },
]);

export const cases = [...pictures, ...contrasts];
