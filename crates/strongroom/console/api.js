// Speaks to the service: one call for each request, problems as errors with words for people, and the service's clock.

const KEPT_AS = "strongroom.token";
const MOST_PATIENCE_SECONDS = 10;

/** The token lives in this tab's sessionStorage alone; `refused` is told when the service no longer takes it. */
export const session = {
  refused: () => {},
  get token() { return sessionStorage.getItem(KEPT_AS); },
  begin(token) { sessionStorage.setItem(KEPT_AS, token); },
  end() { sessionStorage.removeItem(KEPT_AS); },
};

/** A refusal in words: what the service's problem document said, or what stood in the way of reaching it. */
export class Problem extends Error {
  constructor({ status = 0, code = "unreachable", title, detail = "", request_id: request = null }) {
    // Whoever reads the service's log for a fault of its own finds it by the request's id.
    const trace = status >= 500 && request ? ` (Request ${request}.)` : "";
    super((detail || title).replaceAll(/`([^`]*)`/g, "“$1”") + trace);
    Object.assign(this, { status, code, request });
  }
}

let ahead = 0;

/** The service's time in milliseconds: this machine's, mended when the two clocks differ by more than two seconds. */
export function now() {
  return Date.now() + ahead;
}

/** Resolves after `seconds`; rejects at once when `signal` aborts. */
export function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
  });
}

/**
 * One request to the service. Answers `{status, data, retryAfter}`; throws a `Problem` for every refusal.
 * A 429 is asked again after the time it names, twice at most.
 */
export async function call(method, path, { body, query = {}, token = session.token, signal } = {}) {
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
  const headers = { accept: "application/json", authorization: `Bearer ${token}` };
  if (body !== undefined) headers["content-type"] = "application/json";
  const request = { method, headers, signal, cache: "no-store", body: body === undefined ? undefined : JSON.stringify(body) };

  let answer = await reach(url, request);
  for (let asked = 1; answer.status === 429 && asked < 3; asked += 1) {
    const wait = Number(answer.headers.get("retry-after") ?? 1);
    if (!(wait <= MOST_PATIENCE_SECONDS)) break;
    await pause(wait, signal);
    answer = await reach(url, request);
  }
  if (!answer.ok) throw await refusal(answer);
  const data = answer.status === 204 ? null : await answer.json();
  return { status: answer.status, data, retryAfter: Number(answer.headers.get("retry-after") ?? 1) };
}

async function reach(url, request) {
  try {
    const answer = await fetch(url, request);
    const told = Date.parse(answer.headers.get("date") ?? "");
    if (!Number.isNaN(told)) ahead = Math.abs(told - Date.now()) > 2000 ? told - Date.now() : 0;
    return answer;
  } catch (cause) {
    if (cause.name === "AbortError") throw cause;
    throw new Problem({
      title: "The service did not answer",
      detail: "The service did not answer. See whether it still runs and whether this machine can reach it, then try again.",
    });
  }
}

async function refusal(answer) {
  const document = await answer.json().catch(() => ({}));
  const problem = new Problem({
    ...document,
    status: answer.status,
    code: document.code ?? `http-${answer.status}`,
    title: document.title ?? `The service answered ${answer.status}`,
    detail: document.detail ?? (document.title ? "" : `The service answered ${answer.status} ${answer.statusText}.`),
  });
  if (problem.status === 401) session.refused(problem);
  return problem;
}
