// The view of one object: its picture large, what is known of it, and its link.

import { call } from "./api.js";
import { copy, hasEnded, linkNow, picture, turnRing } from "./link.js";
import { variantsOf } from "./picture.js";
import { bytes, kindNamed, kindOf, moment, say, span, warn } from "./words.js";

const $ = (id) => document.getElementById(id);

/**
 * Makes the view work. `remove(work)` deletes a work; `neighbours()` lists what may be looked at, in the wall's order;
 * `shown(work)` is told which one the view was left at, when it is not the one it was opened with.
 */
export function createView({ remove, neighbours, shown }) {
  const dialog = $("view");
  let current = null;
  let openedFrom = null;

  function open(work) {
    current = work;
    const { object } = work;
    $("view-name").textContent = object.name;
    $("view-facts").replaceChildren(...facts(object));
    dialog.querySelector(".view-picture").replaceChildren(picture(work, true));
    const all = neighbours();
    // What was handed in is saved under its name by those alone who may see it.
    $("view-download").hidden = !object.link;
    $("view-back").disabled = all[0] === work;
    $("view-on").disabled = all.at(-1) === work;
    paint();
    if (!dialog.open) {
      openedFrom = work;
      dialog.showModal();
      // What lies outside an open dialog is neither shown on top nor read aloud, so the messages come along.
      dialog.append($("messages"));
      $("view-close").focus();
    }
  }

  function close() {
    if (dialog.open) dialog.close();
  }

  function step(by) {
    const all = neighbours();
    const next = all[all.indexOf(current) + by];
    if (next) open(next);
  }

  /** Shows the link as it is at this moment; called twice a second while the page is open. */
  function paint() {
    if (!current) return;
    $("view-link").hidden = current.link === null;
    if (current.link === null) return;
    const { ended, word, left, share, until } = linkNow(current);
    $("view-link").classList.toggle("ended", ended);
    if ($("view-url").value !== current.link.url) $("view-url").value = current.link.url;
    $("view-open").href = current.link.url;
    write($("view-copy"), ended ? "Get a fresh link" : word);
    write(dialog.querySelector(".view-ends span"), ended ? `Expired at ${until}. It opens nothing any more.` : `Ends in ${left}, at ${until}`);
    turnRing($("view-link"), share);
  }

  $("view-back").addEventListener("click", () => step(-1));
  $("view-on").addEventListener("click", () => step(1));
  $("view-close").addEventListener("click", close);
  $("view-url").addEventListener("focus", () => $("view-url").select());
  $("view-delete").addEventListener("click", () => {
    const work = current;
    close();
    remove(work);
  });
  $("view-copy").addEventListener("click", async () => {
    if (!await copy(current)) selectUrl();
    paint();
  });
  $("view-open").addEventListener("click", (event) => {
    if (!hasEnded(current)) return;
    event.preventDefault();
    say("That link has expired. Get a fresh one first.");
  });
  $("view-download").addEventListener("click", () => download(current));
  dialog.addEventListener("click", (event) => { if (event.target === dialog) close(); });
  dialog.addEventListener("keydown", (event) => {
    if (event.target === $("view-url") || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  dialog.addEventListener("close", () => {
    const left = current;
    current = null;
    document.body.append($("messages"));
    dialog.querySelector(".view-picture").replaceChildren();
    // The browser itself gives the focus back to where the view was opened from.
    if (left && left !== openedFrom) shown(left);
  });

  function selectUrl() {
    $("view-url").focus();
    $("view-url").select();
    say("This browser does not let the page copy. The link is selected: copy it with the keyboard.");
  }

  return { open, close, paint, selectUrl };
}

async function download({ object }) {
  try {
    const { data } = await call("GET", `/v1/objects/${object.id}/download`);
    const link = document.createElement("a");
    link.href = data.download_url;
    link.download = data.filename;
    link.rel = "noreferrer";
    link.click();
  } catch (problem) {
    warn(`“${object.name}” could not be downloaded. ${problem.message}`);
  }
}

function facts(object) {
  const { version } = object;
  const known = [
    ["Kind", `${kindOf(object)} (${version.content_type})`],
    ["Size", `${bytes(version.bytes)}${version.bytes >= 1000 ? ` (${version.bytes.toLocaleString()} bytes)` : ""}`],
    ["Picture", pictureOf(object)],
    ["Film or sound", mediaOf(object)],
    ["Variants", variantsOf(object).map(({ name, width, height, content_type: type, bytes: length }) => `${name}: ${width} × ${height}, ${kindNamed(type)}, ${bytes(length)}`).join("\n")],
    ["On demand", object.picture?.on_demand.join(", ")],
    ["Handed in", moment(object.created_at, "short")],
    ["Owner", object.owner],
    ["Group", object.group],
    ["Tags", object.tags.join(", ")],
    ["Version", version.number > 1 ? String(version.number) : ""],
    ["Kept as", version.key],
    ["SHA-256", version.sha256],
  ];
  return known.filter(([, value]) => value).flatMap(([term, value]) => [
    Object.assign(document.createElement("dt"), { textContent: term }),
    Object.assign(document.createElement("dd"), { textContent: value }),
  ]);
}

/** How large a picture is, and how far its variants are. */
function pictureOf({ picture: known }) {
  if (!known) return "";
  const size = known.width ? `${known.width} × ${known.height}` : "";
  const state = { waiting: "processing", refused: `refused: ${known.reason?.detail ?? ""}` }[known.state] ?? "";
  return [size, state].filter(Boolean).join(", ");
}

/** How long a sound or a video is, and how large. */
function mediaOf({ media }) {
  const length = media?.duration_ms ? span(media.duration_ms) : "";
  return [length, media?.width ? `${media.width} × ${media.height}` : ""].filter(Boolean).join(", ");
}

function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
