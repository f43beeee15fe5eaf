// Words for people: sizes, times and kinds of files, and the messages at the foot of the page.

const SAID_FOR_MS = 5000;
const UNITS = ["bytes", "KB", "MB", "GB", "TB"];
const KINDS = {
  "application/pdf": "PDF", "application/zip": "ZIP archive", "application/json": "JSON", "application/octet-stream": "plain bytes",
  "image/*": "pictures", "image/svg+xml": "SVG", "text/plain": "text", "text/csv": "CSV table",
};

/** A size as people say it, in powers of 1000: "183 KB". */
export function bytes(count) {
  const power = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), UNITS.length - 1);
  const value = count / 1000 ** power;
  return `${value < 10 && power > 0 ? value.toFixed(1) : Math.round(value)} ${UNITS[power]}`;
}

/** A length of time in milliseconds, such as what is left of something: "4:32", "2 h 05 min", "3 days". */
export function span(milliseconds) {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  const two = (value) => String(value).padStart(2, "0");
  if (seconds >= 2 * 86_400) return `${Math.floor(seconds / 86_400)} days`;
  if (seconds >= 3600) return `${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))} min`;
  return `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
}

/** A moment given as RFC 3339, in the reader's own way of writing dates. */
export function moment(stamp, timeStyle) {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle }).format(new Date(stamp));
}

/** A time of day with its seconds, for when a link ends. */
export function clockTime(milliseconds) {
  return new Intl.DateTimeFormat(undefined, { timeStyle: "medium" }).format(new Date(milliseconds));
}

/** A content type, or a pattern for many, in words for the middle of a sentence: "pictures", "PNG", "text". */
export function kindNamed(type) {
  const plain = type.split(";")[0].trim();
  if (KINDS[plain]) return KINDS[plain];
  if (plain.endsWith("/*")) return `${plain.slice(0, -2)} files`;
  return plain.split("/").pop().replace(/^(x-|vnd\.)/, "").split(/[.+]/).pop().toUpperCase();
}

/** What sort of thing an object is, for its label: "PNG", "PDF", "Text". */
export function kindOf({ version }) {
  const kind = kindNamed(version.content_type);
  return kind.charAt(0).toUpperCase() + kind.slice(1);
}

/** The few letters that stand on the card of something that is not a picture. */
export function lettersOf({ name, version }) {
  const ending = /\.([A-Za-z0-9]{1,5})$/.exec(name)?.[1];
  return (ending ?? version.content_type.split("/").pop().split(/[.+;]/).pop().slice(0, 5)).toUpperCase();
}

/** Says something good or neutral, in the place of what was said before; it goes away by itself. */
export function say(words) {
  const line = message(words);
  document.getElementById("said").replaceChildren(line);
  setTimeout(() => line.remove(), SAID_FOR_MS);
}

/** Says that something went wrong; it stays until it is put away. */
export function warn(words) {
  const line = message(words);
  const close = document.createElement("button");
  close.type = "button";
  close.className = "text";
  close.textContent = "Close";
  close.addEventListener("click", () => line.remove());
  line.append(close);
  document.getElementById("warned").append(line);
}

/** Takes every message away. */
export function hush() {
  document.getElementById("said").replaceChildren();
  document.getElementById("warned").replaceChildren();
}

function message(words) {
  const line = document.createElement("p");
  line.append(Object.assign(document.createElement("span"), { textContent: words }));
  return line;
}
