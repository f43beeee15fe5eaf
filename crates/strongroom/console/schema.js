// Reads JSON schemas of an OpenAPI 3.1 document: follows references and says a type in a few words.

/** A function that follows `$ref` within `api` until it finds something that is none. */
export function resolver(api) {
  return function resolve(given) {
    let found = given ?? {};
    while (found.$ref) {
      const steps = found.$ref.replace(/^#\//, "").split("/").map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
      found = steps.reduce((place, step) => place?.[step], api) ?? {};
    }
    return found;
  };
}

/** The type of a schema in words: "uuid", "array of Object", "string or null", "newest | oldest". */
export function typeOf(given, resolve) {
  const named = given.$ref?.split("/").pop();
  const schema = resolve(given);
  if (named && (schema.properties || schema.oneOf || schema.anyOf || schema.allOf)) return named;
  if (schema.enum) return schema.enum.map((value) => String(value)).join(" | ");
  if (schema.const !== undefined) return String(schema.const);
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return [...new Set(choices.map((choice) => typeOf(choice, resolve)))].join(" or ");
  if (schema.allOf) return schema.allOf.map((part) => typeOf(part, resolve)).join(" and ");
  const types = [schema.type ?? (schema.properties ? "object" : "anything")].flat();
  return types.map((type) => oneType(type, schema, resolve)).join(" or ");
}

function oneType(type, schema, resolve) {
  if (type === "array") return `array of ${schema.items ? typeOf(schema.items, resolve) : "anything"}`;
  if (type === "string" && schema.format) return schema.format;
  if (type === "object" && typeof schema.additionalProperties === "object") return `map of ${typeOf(schema.additionalProperties, resolve)}`;
  const [least, most] = [schema.minimum, schema.maximum];
  if (type === "integer" && least !== undefined && most !== undefined) return `integer ${least}–${most}`;
  return type;
}
