// The wall of a space: its objects page by page, each with its link, deleting and putting back.

import { call, now } from "./api.js";
import { copy, linkNow, picture, takeObject, turnRing } from "./link.js";
import { createView } from "./view.js";
import { bytes, kindOf, moment, say, warn } from "./words.js";

const PAGE_SIZE = 48;
const TICK_MS = 500;
const TYPING_PAUSE_MS = 200;

const $ = (id) => document.getElementById(id);
const works = new Map();
let space = null;
let cursor = null;
let typing;
let looking = new AbortController();

const view = createView({
  remove,
  neighbours: () => [...works.values()].filter((work) => !work.object.deleted_at),
  shown: (work) => work.element.querySelector(work.object.deleted_at ? ".undo" : ".frame").focus(),
});

/** Shows the space `chosen`, or says what to do when there is none. */
export function showSpace(chosen) {
  space = chosen;
  $("sieve").hidden = !space?.may.list;
  return look();
}

/** Takes everything down, for instance because nobody is signed in any more. */
export function clearWall() {
  clearTimeout(typing);
  looking.abort();
  view.close();
  works.clear();
  $("works").replaceChildren();
  $("note").hidden = true;
  $("more").hidden = true;
}

/** Hangs an object that was just handed in before all others. */
export function welcome(object) {
  if (object.space !== space?.name || deletedOnly()) return;
  works.get(object.id)?.element.remove();
  works.delete(object.id);
  const others = [...works];
  works.clear();
  const work = addWork(object);
  for (const [id, other] of others) works.set(id, other);
  work.element.classList.add("is-new");
  $("works").prepend(work.element);
  $("note").hidden = true;
}

$("order").addEventListener("change", look);
$("prefix").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(look, TYPING_PAUSE_MS);
});
$("sieve").addEventListener("submit", (event) => event.preventDefault());
$("deleted").addEventListener("click", () => {
  $("deleted").setAttribute("aria-pressed", String(!deletedOnly()));
  look();
});
$("more").addEventListener("click", () => hang(looking.signal));
$("note").querySelector("button").addEventListener("click", look);
setInterval(() => {
  for (const work of works.values()) paintLink(work);
  view.paint();
}, TICK_MS);

function deletedOnly() {
  return $("deleted").getAttribute("aria-pressed") === "true";
}

/** Clears the wall and hangs its first page anew. What an older look still asks for is given up. */
function look() {
  clearWall();
  looking = new AbortController();
  cursor = null;
  if (!space) {
    return note("No space to look at", "This token may neither write nor list in any space. Ask whoever runs the service for one that may.");
  }
  if (!space.may.list) return note("A letterbox", "You may hand files in here, but not look at what is inside.");
  return hang(looking.signal);
}

async function hang(signal) {
  const first = cursor === null;
  const query = {
    limit: PAGE_SIZE, cursor, order: $("order").value, prefix: $("prefix").value, deleted: deletedOnly() ? "true" : "",
  };
  const ghosts = Array.from({ length: first ? 10 : 3 }, ghost);
  $("note").hidden = true;
  $("more").disabled = true;
  $("wall").setAttribute("aria-busy", "true");
  $("works").append(...ghosts);
  try {
    const { data } = await call("GET", `/v1/spaces/${encodeURIComponent(space.name)}/objects`, { query, signal });
    cursor = data.next_cursor;
    const fresh = data.items.filter((object) => !works.has(object.id)).map(addWork);
    $("works").append(...fresh.map((work) => work.element));
    $("more").hidden = cursor === null;
    if (works.size === 0) noteEmpty();
    if (!first) {
      say(`${fresh.length} more; ${works.size} so far.`);
      fresh[0]?.element.querySelector(".frame:not([hidden]), .undo").focus();
    }
  } catch (problem) {
    if (signal.aborted) return;
    if (first) note("This space cannot be shown", problem.message, true);
    else warn(problem.message);
  } finally {
    for (const one of ghosts) one.remove();
    if (!signal.aborted) {
      $("more").disabled = false;
      $("wall").removeAttribute("aria-busy");
    }
  }
}

function ghost() {
  const place = document.createElement("li");
  place.className = "ghost";
  place.setAttribute("aria-hidden", "true");
  return place;
}

function noteEmpty() {
  const prefix = $("prefix").value;
  if (prefix) return note("No name begins so", `Nothing here has a name that begins with “${prefix}”. Capitals count.`);
  if (deletedOnly()) return note("Nothing deleted", "What is deleted waits here for a while and can be put back.");
  const next = space.may.write ? " Drop a picture anywhere on this page, or hand one in with the button above." : "";
  return note("A bare wall", `Nothing hangs here yet.${next}`);
}

function note(title, words, failed = false) {
  $("note").querySelector("h2").textContent = title;
  $("note").querySelector("p").textContent = words;
  $("note").querySelector("button").hidden = !failed;
  $("note").classList.toggle("failed", failed);
  $("note").hidden = false;
}

function addWork(object) {
  const element = $("work").content.cloneNode(true).firstElementChild;
  const work = { element, object, link: null, copiedAt: 0, painted: "" };
  works.set(object.id, work);
  element.querySelector(".frame").addEventListener("click", () => view.open(work));
  element.querySelector(".delete").addEventListener("click", () => remove(work));
  element.querySelector(".undo").addEventListener("click", () => restore(work));
  element.querySelector(".link").addEventListener("click", async () => {
    const copied = await copy(work);
    paintLink(work);
    if (copied) return;
    view.open(work);
    view.selectUrl();
  });
  showWork(work, object);
  return work;
}

/** Brings the element of a work up to date. Names come from anybody, so everything is set as text. */
function showWork(work, object) {
  takeObject(work, object);
  const part = (name) => work.element.querySelector(name);
  const gone = object.deleted_at !== null;
  const named = `“${object.name}”`;
  for (const name of [".frame", ".label"]) part(name).hidden = gone;
  part(".gone").hidden = !gone;
  part(".gone span").textContent = `${named} is deleted.`;
  part(".undo").setAttribute("aria-label", `Undo: put ${named} back`);
  part(".name").textContent = object.name;
  part(".name").title = object.name;
  part(".facts").textContent = `${kindOf(object)} · ${bytes(object.version.bytes)} · ${moment(object.created_at)}`;
  part(".frame").setAttribute("aria-label", `Look at ${named}`);
  part(".delete").setAttribute("aria-label", `Delete ${named}`);
  part(".frame").replaceChildren(...gone ? [] : [picture(work)]);
  paintLink(work);
}

function paintLink(work) {
  const button = work.element.querySelector(".link");
  button.hidden = work.link === null;
  if (work.link === null) return;
  const { ended, word, left, share, until } = linkNow(work);
  if (work.painted === word + left + until) return;
  work.painted = word + left + until;
  button.classList.toggle("ended", ended);
  button.querySelector(".word").textContent = word;
  button.querySelector(".left").textContent = left;
  // The name stays the same while the seconds run, so that nobody hears a countdown.
  const name = ended ? `Expired: get a fresh link to “${work.object.name}”` : `${word} to “${work.object.name}”, works until ${until}`;
  button.setAttribute("aria-label", name);
  turnRing(button, share);
}

async function remove(work) {
  const { object, element } = work;
  element.querySelector(".delete").disabled = true;
  try {
    await call("DELETE", `/v1/objects/${object.id}`);
    showWork(work, { ...object, deleted_at: new Date(now()).toISOString(), link: null });
    element.querySelector(".undo").focus();
    say(`“${object.name}” is deleted. Undo puts it back.`);
  } catch (problem) {
    warn(`“${object.name}” could not be deleted. ${problem.message}`);
  } finally {
    element.querySelector(".delete").disabled = false;
  }
}

async function restore(work) {
  const { object, element } = work;
  try {
    const { data } = await call("POST", `/v1/objects/${object.id}/restore`);
    showWork(work, data);
    element.querySelector(".frame").focus();
    say(`“${object.name}” is back.`);
  } catch (problem) {
    warn(`“${object.name}” could not be put back. ${problem.message}`);
  }
}
