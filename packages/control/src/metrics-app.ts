import { Hono } from "hono";
import { type GuardOptions, guardRequests } from "./request-guard.ts";

/** What {@link createMetricsApp} serves. */
export interface MetricsAppDeps {
  /** The figures of now, as text in Prometheus' format; `machines`: with series for each machine. */
  readonly read: (query: { readonly machines: boolean }) => Promise<string>;
  readonly onError: (error: unknown) => void;
  readonly guard?: GuardOptions | undefined;
}

/** Prometheus' text format 0.0.4. */
const contentType = "text/plain; version=0.0.4; charset=utf-8";

/** Where the figures are under the server's address. */
export const METRICS_PATH: string = "/metrics";

/** Answers `GET /metrics` to those who may ask the API: a function from request to response, without a port. */
export function createMetricsApp(deps: MetricsAppDeps): Hono {
  const app = new Hono();
  app.use(guardRequests(deps.guard ?? {}));
  app.onError((error, context) => {
    deps.onError(error);
    return context.text("the figures could not be read; the server's log says why\n", 500);
  });
  app.get(METRICS_PATH, async (context) => {
    const text = await deps.read({ machines: ["1", "true"].includes(context.req.query("machines") ?? "") });
    return context.body(text, 200, {
      "content-type": contentType,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    });
  });
  app.all(METRICS_PATH, (context) => context.text("only GET\n", 405, { allow: "GET, HEAD" }));
  return app;
}
