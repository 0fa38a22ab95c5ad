import { apiErrorBodySchema, type ApiErrorCode, type Page } from "@ingot/api";
import { ServerError } from "../errors.ts";

/** The server, wherever it is: across HTTP, or the same application called in this process. */
export type ApiFetch = (request: Request) => Promise<Response>;

/** The server refused; `code` is the API's own. */
export class ApiRequestError extends Error {
  override readonly name = "ApiRequestError";
  readonly code: ApiErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ApiErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/** JSON in and out over `ApiFetch`; every refusal is an `ApiRequestError`. */
export class ApiClient {
  readonly #fetch: ApiFetch;
  readonly #base: string;

  /** @param base e.g. `http://127.0.0.1:8470` */
  constructor(fetch: ApiFetch, base: string) {
    this.#fetch = fetch;
    this.#base = base;
  }

  get<T>(path: string): Promise<T> {
    return this.#json<T>("GET", path);
  }

  post<T>(path: string, body?: unknown): Promise<T> {
    return this.#json<T>("POST", path, body);
  }

  put<T>(path: string, body: unknown): Promise<T> {
    return this.#json<T>("PUT", path, body);
  }

  patch<T>(path: string, body: unknown): Promise<T> {
    return this.#json<T>("PATCH", path, body);
  }

  async delete(path: string): Promise<void> {
    await this.send("DELETE", path);
  }

  /** Every entry of a list, page by page. */
  async list<T>(path: string): Promise<T[]> {
    const items: T[] = [];
    const separator = path.includes("?") ? "&" : "?";
    for (let cursor: string | undefined = ""; cursor !== undefined;) {
      const page: Page<T> = await this.get(
        `${path}${separator}limit=500${cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      items.push(...page.items);
      cursor = page.nextCursor;
    }
    return items;
  }

  /** One request; throws on a status of 400 and above. */
  async send(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    const response = await this.#fetch(new Request(`${this.#base}${path}`, { ...init, method }));
    if (response.ok) return response;
    throw await refusalOf(response);
  }

  async #json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const init =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
    const response = await this.send(method, path, init);
    return (await response.json()) as T;
  }
}

async function refusalOf(response: Response): Promise<Error> {
  const text = await response.text();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return new ServerError(
      "api",
      `the server answered ${response.status} with something that is not JSON: ${text.slice(0, 200)}`,
    );
  }
  const parsed = apiErrorBodySchema.safeParse(body);
  if (!parsed.success)
    return new ServerError("api", `the server answered ${response.status} without an error that is known`);
  const { code, message, details } = parsed.data.error;
  return new ApiRequestError(code, message, details);
}
