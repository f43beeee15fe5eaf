// Runs the console: the door where one signs in, where files lie, the choice of a space, and files on their way in.

import { Problem, call, session } from "./api.js";
import { handIn } from "./upload.js";
import { clearWall, showSpace, welcome } from "./wall.js";
import { bytes, hush, kindNamed, moment, say, warn } from "./words.js";

const STATUS_EVERY_MS = 30_000;
const UPLOADS_AT_ONCE = 3;

const $ = (id) => document.getElementById(id);
const waiting = [];
let spaces = [];
let space = null;
let running = 0;

// ---- The door -------------------------------------------------------------------------------------------------

$("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const token = $("token").value.trim();
  if (token === "") return refuse("Paste a token first: an API key (it begins with “sr_”) or a JWT of your application.");
  if (!/^[\x21-\x7e]+$/.test(token)) return refuse("A token has neither spaces nor special letters. Copy it again, whole.");
  $("enter").disabled = true;
  $("door").classList.add("trying");
  try {
    await enter(token);
    $("choose").focus();
  } catch (problem) {
    refuse(problem.status === 401 ? `That token does not open this door. ${problem.message}` : problem.message);
  } finally {
    $("enter").disabled = false;
    $("door").classList.remove("trying");
  }
});

$("sign-out").addEventListener("click", () => {
  leave();
  $("token").focus();
});

session.refused = (problem) => {
  if ($("room").hidden) return;
  leave();
  refuse(`You have been signed out. ${problem.message}`);
};

async function enter(token) {
  const { data } = await call("GET", "/v1/spaces", { token });
  session.begin(token);
  spaces = data.items;
  $("token").value = "";
  $("token").removeAttribute("aria-invalid");
  $("token-wrong").textContent = "";
  $("door").hidden = true;
  $("room").hidden = false;
  askStatus();
  route();
}

function refuse(words) {
  $("door").hidden = false;
  $("token-wrong").textContent = words;
  $("token").setAttribute("aria-invalid", "true");
  $("token").focus();
  $("token").select();
}

function leave() {
  session.end();
  waiting.length = 0;
  for (const row of $("tray").children) row.querySelector(".stop").click();
  clearWall();
  hush();
  $("room").hidden = true;
  $("door").hidden = false;
  document.title = "Strongroom";
}

// ---- Where files lie ------------------------------------------------------------------------------------------

async function askStatus() {
  if (!session.token || document.hidden) return;
  const [storage, mirror] = await whereabouts();
  show($("whereabouts"), storage);
  $("mirror").hidden = !mirror;
  if (mirror) show($("mirror"), mirror);
}

function show(line, { well, words, more }) {
  line.dataset.lamp = well ? "on" : "off";
  line.title = more;
  const where = line.querySelector(".where");
  // Written only when it changes, because writing it again would have it read aloud again.
  if (where.textContent !== words) where.textContent = words;
}

async function whereabouts() {
  try {
    const { data } = await call("GET", "/v1/status");
    const { kind, region, endpoint, healthy, detail } = data.storage;
    const well = healthy && data.database.healthy;
    const place = placeOf(data.storage);
    const where = kind === "embedded" ? `Files lie on the service’s own disk, in ${place}` : `Files lie in ${place}, ${region || endpoint}`;
    $("version").textContent = `Strongroom ${data.version}`;
    const storage = { well, words: `${where}: ${well ? "healthy" : `not healthy. ${detail ?? "The service’s log says more."}`}`, more: endpoint ?? "" };
    return [storage, data.mirror && mirrored(data.mirror)];
  } catch (problem) {
    return [{ well: false, words: `Where files lie is not known just now. ${problem.message}`, more: "" }, null];
  }
}

function placeOf({ bucket, location: prefix }) {
  return [bucket, prefix].filter(Boolean).join("/").replace(/\/+$/, "");
}

/** Where the second storage lies, whether links lead there at this moment, and how far it is behind. */
function mirrored(mirror) {
  const { endpoint, healthy, pending, failing, since, detail, stands_in: standsIn } = mirror;
  const host = endpoint.replace(/^https?:\/\//, "");
  const known = pending !== null;
  const count = pending === 1 ? "one version" : `${new Intl.NumberFormat().format(pending)} versions`;
  const behind = pending > 0 ? `it lacks ${count}${since ? `, the oldest since ${moment(since, "short")}` : ""}` : "it has everything";
  const sentences = [
    `The mirror lies in ${placeOf(mirror)}, ${host}: ${known ? behind : "how far it is behind is not known just now"}.`,
    failing > 0 && `${new Intl.NumberFormat().format(failing)} failed again and again. ${detail ?? "The service’s log says more."}`,
    !healthy && "It does not answer.",
    standsIn && "The storage is away, so links lead to the mirror.",
  ];
  return { well: healthy && known && !failing, words: sentences.filter(Boolean).join(" "), more: endpoint };
}

setInterval(askStatus, STATUS_EVERY_MS);
document.addEventListener("visibilitychange", askStatus);

// ---- The choice of a space ------------------------------------------------------------------------------------

window.addEventListener("hashchange", () => {
  if (!$("room").hidden) route();
});

function route() {
  const asked = location.hash.replace(/^#\/?/, "");
  const byHash = spaces.find((one) => encodeURIComponent(one.name) === asked);
  space = byHash ?? spaces.find((one) => one.may.list) ?? spaces[0] ?? null;
  $("spaces").replaceChildren(...spaces.map((one) => {
    const link = document.createElement("a");
    link.href = `#/${encodeURIComponent(one.name)}`;
    link.textContent = one.name;
    if (one === space) link.setAttribute("aria-current", "page");
    return link;
  }));
  $("space-name").textContent = space ? `Space ${space.name}` : "No spaces";
  document.title = space ? `${space.name} · Strongroom` : "Strongroom";
  $("slot").hidden = !space?.may.write;
  $("accepts").textContent = space ? acceptance(space) : "";
  showSpace(space);
}

function acceptance({ accept, max_bytes: most }) {
  const anything = accept.length === 0 || accept.includes("*/*") || accept.includes("*");
  return `Takes ${anything ? "anything harmless" : accept.map(kindNamed).join(", ")}${most ? `, up to ${bytes(most)} a file` : ""}.`;
}

// ---- Files on their way in ------------------------------------------------------------------------------------

$("choose").addEventListener("click", () => $("files").click());
$("files").addEventListener("change", () => {
  enqueue([...$("files").files]);
  $("files").value = "";
});
window.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length > 0) enqueue([...event.clipboardData.files]);
});

const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
window.addEventListener("dragover", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = mayWrite() ? "copy" : "none";
  document.body.classList.toggle("dragging", mayWrite());
});
window.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) document.body.classList.remove("dragging");
});
window.addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  document.body.classList.remove("dragging");
  enqueue([...event.dataTransfer.files]);
});

function mayWrite() {
  return !$("room").hidden && space?.may.write === true;
}

function enqueue(files) {
  if ($("room").hidden || files.length === 0) return;
  if (!mayWrite()) return warn("You may not hand files in to this space. Choose another, or ask whoever runs the service.");
  say(files.length === 1 ? `Handing in “${files[0].name}”.` : `Handing in ${files.length} files.`);
  for (const file of files) waiting.push(trayRow(file, space.name));
  return startWaiting();
}

function startWaiting() {
  while (running < UPLOADS_AT_ONCE && waiting.length > 0) {
    running += 1;
    waiting.shift().start().finally(() => {
      running -= 1;
      startWaiting();
    });
  }
}

/** Puts a file on the tray. What it answers has `start()`, which resolves when the file is in, failed or was stopped. */
function trayRow(file, into) {
  const row = $("journey").content.cloneNode(true).firstElementChild;
  const [stage, bar, again, stop] = [".journey-stage", "progress", ".again", ".stop"].map((part) => row.querySelector(part));
  const carry = {};
  let quarters = 0;
  let halt = new AbortController();
  row.querySelector(".journey-name").textContent = file.name;
  bar.setAttribute("aria-label", `How much of “${file.name}” is in`);
  stop.setAttribute("aria-label", `Stop handing in “${file.name}”`);
  again.setAttribute("aria-label", `Try again to hand in “${file.name}”`);
  stage.textContent = "Waiting";

  const report = ({ stage: name, share }) => {
    bar.value = share;
    if (name === "preparing") stage.textContent = "Reading";
    if (name === "sending") stage.textContent = `${Math.floor(share * 100)} % of ${bytes(file.size)}`;
    if (name === "verifying") stage.textContent = "Being verified";
    if (Math.floor(share * 4) > quarters && share < 1) {
      quarters = Math.floor(share * 4);
      $("heard").textContent = `“${file.name}”: ${quarters * 25} % in.`;
    }
  };
  const item = { start };
  async function start() {
    if (halt.signal.aborted) return;
    try {
      const object = await handIn(file, into, { report, signal: halt.signal, carry });
      takeOff();
      say(`“${file.name}” is in.`);
      welcome(object);
    } catch (problem) {
      if (!halt.signal.aborted) fail(problem);
    }
  }
  function fail(problem) {
    const words = problem instanceof Problem ? problem.message : `Something unforeseen went wrong: ${problem.message}`;
    row.classList.add("failed");
    stage.textContent = words;
    bar.hidden = true;
    again.hidden = false;
    stop.textContent = "Put away";
    stop.setAttribute("aria-label", `Put “${file.name}” away`);
    // The words stand on the tray already; this only reads them aloud.
    $("aloud").textContent = `“${file.name}” is not in. ${words}`;
  }
  function takeOff() {
    if (row.contains(document.activeElement)) $("choose").focus();
    row.remove();
  }
  stop.addEventListener("click", () => {
    halt.abort();
    takeOff();
  });
  again.addEventListener("click", () => {
    halt = new AbortController();
    row.classList.remove("failed");
    bar.hidden = false;
    again.hidden = true;
    stop.textContent = "Stop";
    stop.focus();
    waiting.push(item);
    startWaiting();
  });
  $("tray").append(row);
  return item;
}

// ---- Coming back ----------------------------------------------------------------------------------------------

if (session.token) {
  enter(session.token).catch((problem) => {
    if (problem.status === 401) session.end();
    refuse(problem.message);
  });
} else {
  $("door").hidden = false;
  $("token").focus();
}
