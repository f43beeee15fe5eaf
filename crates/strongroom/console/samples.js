// Makes examples out of an OpenAPI document: a value that fits a schema, and the curl line that calls a route.

const ID = "0198f7a2-6c1e-7d3b-9a54-2f8b7c1d0e6a";
const TEXTS = { uuid: ID, "date-time": "2026-01-31T09:30:00Z", uri: "https://…" };
/** What the fields of a request hold in an example, by their names, unless the document has an example of its own. */
const SAID = { space: "files", name: "photograph.jpg", content_type: "image/jpeg", bytes: 48213, items: [ID], numbers: [1, 2] };

/** A value that fits the schema: its own example where it has one. `inside` holds the schemas around, so that loops end. */
export function sampleOf(given, resolve, inside = []) {
  const schema = resolve(given);
  const own = exampleOf(given) ?? exampleOf(schema);
  if (own !== undefined) return own;
  if (inside.includes(schema)) return null;
  const around = [...inside, schema];
  if (schema.enum) return schema.enum[0];
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return sampleOf(choices.find((choice) => resolve(choice).type !== "null") ?? {}, resolve, around);
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((part) => sampleOf(part, resolve, around)));
  const type = [schema.type ?? (schema.properties ? "object" : "null")].flat().find((one) => one !== "null");
  if (type === "array") return schema.items ? [sampleOf(schema.items, resolve, around)] : [];
  if (type === "object") {
    return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, property]) => [name, sampleOf(property, resolve, around)]));
  }
  if (type === "integer" || type === "number") return schema.minimum ?? 1;
  if (type === "boolean") return true;
  if (type === "string") return TEXTS[schema.format] ?? "…";
  return null;
}

function exampleOf(schema) {
  return schema.example ?? schema.examples?.[0] ?? schema.default ?? schema.const;
}

/** What a request says: the fields that have to be there, and those that an example would be dull without. */
function requestSample(given, resolve) {
  const schema = resolve(given);
  const fields = Object.entries(schema.properties ?? {});
  const telling = fields.filter(([name, field]) => schema.required?.includes(name) || exampleOf(field) !== undefined || name in SAID);
  return Object.fromEntries(telling.map(([name, field]) => [name, exampleOf(field) ?? SAID[name] ?? sampleOf(field, resolve)]));
}

/** The curl line that calls a route, ready for a shell in which TOKEN is set. */
export function curlFor({ method, path, operation, parameters, resolve, api }, origin) {
  const content = Object.keys(resolve(operation.requestBody).content ?? {});
  const raw = content.length > 0 && !content.some((type) => /json|form-data/.test(type));
  const said = (parameter) => String(exampleOf(parameter) ?? SAID[parameter.name] ?? sampleOf(parameter.schema ?? {}, resolve));
  const place = parameters.filter((parameter) => parameter.in === "path")
    .reduce((text, parameter) => text.replace(`{${parameter.name}}`, encodeURIComponent(said(parameter))), path);
  // Bytes alone do not say what they are called.
  const query = parameters.filter((parameter) => parameter.in === "query" && (parameter.required || (raw && parameter.name === "name")));
  const search = query.map((parameter) => `${parameter.name}=${encodeURIComponent(said(parameter))}`).join("&");
  const lines = [`curl ${method === "get" ? "" : `-X ${method.toUpperCase()} `}'${origin}${place}${search ? `?${search}` : ""}'`];
  const asked = operation.security ?? api.security ?? [];
  if (asked.some((one) => Object.keys(one).length > 0)) lines.push('-H "Authorization: Bearer $TOKEN"');
  return [...lines, ...bodyOf(operation.requestBody, resolve)].join(" \\\n  ");
}

function bodyOf(given, resolve) {
  if (!given) return [];
  const content = resolve(given).content ?? {};
  if (content["application/json"]) {
    const json = JSON.stringify(requestSample(content["application/json"].schema ?? {}, resolve));
    return ["-H 'Content-Type: application/json'", `-d '${json.replaceAll("'", "'\\''")}'`];
  }
  if (content["multipart/form-data"]) return ["-F 'file=@photograph.jpg'"];
  return ["-H 'Content-Type: image/jpeg'", "--data-binary @photograph.jpg"];
}
