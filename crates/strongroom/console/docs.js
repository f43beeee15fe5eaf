// Draws the API page: reads /openapi.json and shows every route with its parameters, bodies, answers and a curl line.

import { curlFor, sampleOf } from "./samples.js";
import { resolver, typeOf } from "./schema.js";

const METHODS = ["get", "post", "put", "patch", "delete", "head", "options"];
const DEEPEST_NESTING = 6;

const $ = (id) => document.getElementById(id);

try {
  const answer = await fetch("/openapi.json");
  if (!answer.ok) throw new Error(`The service answered ${answer.status}.`);
  draw(await answer.json());
} catch (error) {
  $("state").textContent = `The description of the routes could not be read. ${error.message} Reload the page to try again.`;
} finally {
  $("routes").removeAttribute("aria-busy");
}

function draw(api) {
  const resolve = resolver(api);
  $("version").textContent = `Version ${api.info.version}`;
  $("lead").replaceChildren(...prose(api.info.description ?? "").slice(0, 1).flatMap((paragraph) => [...paragraph.childNodes]));
  const groups = grouped(api, resolve);
  $("state").remove();
  $("routes").append(...groups.map(section));
  $("list").append(...groups.map(contents));
  filterAsTyped(groups.flatMap((group) => group.operations));
  openFromHash();
  window.addEventListener("hashchange", openFromHash);
}

/** Every operation, grouped by its first tag in the order in which the tags are declared. */
function grouped(api, resolve) {
  const groups = new Map((api.tags ?? []).map((tag) => [tag.name, { name: tag.name, about: tag.description ?? "", operations: [] }]));
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((one) => item[one])) {
      const operation = item[method];
      const name = operation.tags?.[0] ?? "Other";
      if (!groups.has(name)) groups.set(name, { name, about: "", operations: [] });
      const parameters = [...item.parameters ?? [], ...operation.parameters ?? []].map(resolve);
      const id = `${method}${path.replaceAll(/\W+/g, "-").replace(/-$/, "")}`;
      groups.get(name).operations.push({ id, method, path, operation, parameters, resolve, api });
    }
  }
  return [...groups.values()].filter((group) => group.operations.length > 0);
}

function section(group) {
  const heading = make("h2", {}, titled(group.name));
  return make("section", { className: "group" }, heading, ...prose(group.about), ...group.operations.map(route));
}

function contents(group) {
  const links = group.operations.map((one) => {
    one.entry = make("li", {}, make("a", { href: `#${one.id}` }, method(one), make("span", {}, one.path)));
    return one.entry;
  });
  return make("div", { className: "list-group" }, make("h2", {}, titled(group.name)), make("ul", {}, ...links));
}

function route(one) {
  const { operation, parameters, resolve } = one;
  const address = make("code", { className: "path" }, ...path(one.path));
  const summary = make("summary", {}, method(one), address, make("span", { className: "about" }, operation.summary ?? ""));
  const parts = [
    ...prose(operation.description ?? ""),
    ...parameters.length > 0 ? [make("h3", {}, "Parameters"), parameterTable(parameters, resolve)] : [],
    ...operation.requestBody ? [make("h3", {}, "Body"), ...bodies(resolve(operation.requestBody), resolve)] : [],
    make("h3", {}, "Answers"), answers(operation.responses ?? {}, resolve),
    make("h3", {}, "Try it"), example(one),
  ];
  one.element = make("details", { className: "route", id: one.id }, summary, make("div", { className: "inside" }, ...parts));
  const names = parameters.map((parameter) => parameter.name);
  one.words = [one.method, one.path, operation.summary, operation.description, ...names].join(" ").toLowerCase();
  return one.element;
}

function parameterTable(parameters, resolve) {
  const rows = parameters.map((parameter) => make("tr", {},
    make("td", {}, make("code", {}, parameter.name), parameter.required ? make("span", { className: "must" }, " required") : ""),
    make("td", { className: "quiet" }, parameter.in),
    make("td", {}, make("code", {}, typeOf(parameter.schema ?? {}, resolve))),
    make("td", {}, ...inline(parameter.description ?? ""))));
  const head = make("tr", {}, ...["Name", "In", "Type", "Meaning"].map((title) => make("th", { scope: "col" }, title)));
  return make("div", { className: "wide" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
}

function bodies(body, resolve) {
  return Object.entries(body.content ?? {}).flatMap(([type, { schema = {} }]) => [
    make("p", { className: "small" }, make("code", {}, type), body.required === false ? " (may be left out)" : ""),
    ...fields(schema, resolve),
  ]);
}

function answers(responses, resolve) {
  const rows = Object.entries(responses).map(([status, given]) => {
    const response = resolve(given);
    const [type, media] = Object.entries(response.content ?? {})[0] ?? [];
    const headers = Object.keys(response.headers ?? {});
    const refused = /^[45]/.test(status);
    return make("div", { className: "answer" },
      make("dt", { className: refused ? "status refused" : "status" }, status),
      make("dd", {}, ...inline(response.description || (refused ? "A problem; its code tells which of those below." : "")),
        headers.length > 0 ? make("p", { className: "small quiet" }, `With ${headers.join(", ")}`) : "",
        media?.schema ? shape(type, media.schema, resolve) : ""));
  });
  return make("dl", { className: "answers" }, ...rows);
}

/** The shape of an answer, folded away until somebody wants it. */
function shape(type, schema, resolve) {
  const label = make("summary", {}, make("code", {}, typeOf(schema, resolve)), make("span", { className: "quiet small" }, ` ${type}`));
  const text = /json/.test(type) ? make("pre", {}, make("code", {}, JSON.stringify(sampleOf(schema, resolve), null, 2))) : "";
  return make("details", { className: "shape" }, label, ...fields(schema, resolve), text);
}

/** The fields of an object schema as a nested list; `inside` holds the schemas around it, so that loops end. */
function fields(given, resolve, inside = []) {
  const schema = resolve(given);
  if (inside.includes(schema) || inside.length > DEEPEST_NESTING) return [];
  const around = [...inside, schema];
  if (schema.items) return fields(schema.items, resolve, around);
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return choices.flatMap((choice) => fields(choice, resolve, around));
  if (schema.allOf) return schema.allOf.flatMap((part) => fields(part, resolve, around));
  const list = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const known = resolve(property);
    const must = schema.required?.includes(name);
    return make("li", {},
      make("code", { className: "field" }, name), make("code", { className: "type" }, typeOf(property, resolve)),
      must ? make("span", { className: "must" }, "required") : "",
      ...described(property.description ?? known.description),
      ...fields(property, resolve, around));
  });
  return list.length > 0 ? [make("ul", { className: "fields" }, ...list)] : [];
}

function described(text) {
  return text ? [make("span", { className: "meaning" }, ...inline(text))] : [];
}

function example(one) {
  const text = curlFor(one, location.origin);
  const button = make("button", { className: "text small copy", type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select and copy it by hand: this browser does not let the page";
    }
    button.addEventListener("blur", () => { button.textContent = "Copy"; }, { once: true });
  });
  return make("div", { className: "example" }, make("pre", { tabIndex: 0 }, make("code", {}, text)), button);
}

// ---- The filter, and coming by a link ---------------------------------------------------------------------------

function filterAsTyped(operations) {
  const apply = () => {
    const words = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = operations.filter((one) => words.every((word) => one.words.includes(word)));
    for (const one of operations) one.element.hidden = one.entry.hidden = !found.includes(one);
    for (const group of document.querySelectorAll(".group, .list-group")) {
      group.hidden = !group.querySelector(".route:not([hidden]), li:not([hidden]) > a");
    }
    $("count").textContent = words.length === 0 ? `${operations.length} routes` : `${found.length} of ${operations.length} routes`;
  };
  $("filter").addEventListener("input", apply);
  apply();
}

/** Goes to what the address names; the browser did so before the routes were drawn, which moved everything. */
function openFromHash() {
  const named = document.getElementById(location.hash.slice(1));
  if (!named) return;
  if (named.matches(".route")) {
    named.open = true;
    named.querySelector("summary").focus({ preventScroll: true });
  }
  named.scrollIntoView();
}

// ---- Elements ---------------------------------------------------------------------------------------------------

/** An element with properties and children; strings become text, never markup. */
function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children.filter((child) => child !== ""));
  return element;
}

function method(one) {
  return make("span", { className: `method ${one.method}` }, one.method.toUpperCase());
}

function path(text) {
  return text.split(/(\{[^}]+\})/).map((piece) => (piece.startsWith("{") ? make("em", {}, piece) : piece));
}

function titled(name) {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** The paragraphs of a description. Its only markup is the back-quote. */
function prose(text) {
  return text.split(/\n\s*\n/).filter((paragraph) => paragraph.trim()).map((paragraph) => make("p", {}, ...inline(paragraph)));
}

function inline(text) {
  return text.split(/(`[^`]+`)/).filter(Boolean).map((piece) => (piece.startsWith("`") ? make("code", {}, piece.slice(1, -1)) : piece));
}
