// The link of one object as the page shows it: how long it still works, that it has ended, and a fresh one.

import { call, now } from "./api.js";
import { haze, large, small } from "./picture.js";
import { clockTime, lettersOf, say, span, warn } from "./words.js";

const COPIED_SHOWS_MS = 2500;

/** Takes an object as the service told it into `work`, with the end and the whole life of its link. */
export function takeObject(work, object) {
  const before = work.link;
  work.object = object;
  work.link = null;
  const link = large(object);
  if (!link) return;
  const endsAt = Date.parse(link.expires_at);
  // The service gives the same link for a while; its life is then what it was when it was first seen.
  const life = before?.url === link.url ? before.life : Math.max(endsAt - now(), 1);
  work.link = { url: link.url, endsAt, life };
}

/** Asks the service for the object anew, which makes a link that works. */
export async function refresh(work) {
  const { data } = await call("GET", `/v1/objects/${work.object.id}`);
  takeObject(work, data);
}

/** True once the link of `work` no longer opens anything. */
export function hasEnded(work) {
  return work.link !== null && work.link.endsAt <= now();
}

/** Copies a link that works, a fresh one if need be. Answers false when the browser does not let a page copy. */
export async function copy(work) {
  try {
    if (!work.link || hasEnded(work)) await refresh(work);
  } catch (problem) {
    warn(`No fresh link for “${work.object.name}”. ${problem.message}`);
    return true;
  }
  try {
    await navigator.clipboard.writeText(work.link.url);
  } catch {
    return false;
  }
  work.copiedAt = now();
  say(`Link to “${work.object.name}” copied. It works until ${clockTime(work.link.endsAt)}.`);
  return true;
}

/** The words and the share of life left that a link shows at this moment. */
export function linkNow(work) {
  const left = work.link.endsAt - now();
  const ended = left <= 0;
  const copied = now() - work.copiedAt < COPIED_SHOWS_MS;
  return {
    ended,
    word: ended ? "Expired" : copied ? "Copied" : "Copy link",
    left: ended ? "get a fresh link" : span(left),
    share: Math.max(0, Math.min(1, left / work.link.life)),
    until: clockTime(work.link.endsAt),
  };
}

/** Draws how much of a life is left on the ring inside `holder`. */
export function turnRing(holder, share) {
  holder.querySelector(".ring-left").setAttribute("stroke-dasharray", `${(share * 100).toFixed(1)} 100`);
}

/** The picture of an object, large or as it hangs on the wall, or a card with letters for what is none or cannot be drawn. */
export function picture(work, isLarge = false) {
  const chosen = () => (isLarge ? large : small)(work.object);
  const card = document.createElement("span");
  card.className = "card";
  card.textContent = lettersOf(work.object);
  if (!work.link || !work.object.version.content_type.startsWith("image/")) return card;
  const image = new Image();
  image.alt = "";
  image.decoding = "async";
  image.loading = isLarge ? "eager" : "lazy";
  image.referrerPolicy = "no-referrer";
  const blurred = isLarge ? null : haze(work.object);
  if (blurred) {
    // Its place is as large as the picture will be.
    [image.width, image.height] = [chosen().width ?? work.object.picture.width, chosen().height ?? work.object.picture.height];
    image.className = "hazy";
    image.style.backgroundImage = `url(${blurred})`;
    image.addEventListener("load", () => {
      for (const name of ["class", "style", "width", "height"]) image.removeAttribute(name);
    }, { once: true });
  }
  image.addEventListener("error", async () => {
    // A picture further down is fetched only when one scrolls to it; its link may have ended by then.
    if (!hasEnded(work)) return image.replaceWith(card);
    try {
      await refresh(work);
      image.src = chosen().url;
    } catch {
      image.replaceWith(card);
    }
  });
  image.src = chosen().url;
  return image;
}
