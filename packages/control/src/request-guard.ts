import type { MiddlewareHandler } from "hono";
import { reported } from "./api-errors.ts";

/** Who may talk to the API. */
export interface GuardOptions {
  /** Host names by which people reach this server, besides `localhost` and IP addresses. */
  readonly hostNames?: readonly string[] | undefined;
  /** Origins of pages from elsewhere that may change things, for example `http://localhost:5173` during development. */
  readonly origins?: readonly string[] | undefined;
}

const safeMethods: readonly string[] = ["GET", "HEAD", "OPTIONS"];
const ipv4Pattern = /^\d{1,3}(\.\d{1,3}){3}$/;

/**
 * Keeps foreign web pages out. A browser on the same machine reaches a server on the loopback address too, so:
 *
 * - the Host must be an IP address, `localhost` or a known name: a page of another name that was made to resolve to this
 *   address (DNS rebinding) sends its own name;
 * - a request that changes something must not come from another origin (`Origin`, `Sec-Fetch-Site`).
 */
export function guardRequests(options: GuardOptions): MiddlewareHandler {
  return async (context, next) => {
    const url = new URL(context.req.url);
    const host = (context.req.header("host") ?? url.host).toLowerCase();
    if (!isKnownHost(host, options.hostNames ?? [])) {
      const { status, error } = reported("forbidden", `host ${JSON.stringify(host)}: not a name of this server`);
      return context.json({ error }, status);
    }
    const origin = context.req.header("origin");
    const foreign = origin !== undefined && !isSameOrigin(origin, host) && options.origins?.includes(origin) !== true;
    const crossSite = origin === undefined && context.req.header("sec-fetch-site") === "cross-site";
    if (!safeMethods.includes(context.req.method) && (foreign || crossSite)) {
      const { status, error } = reported(
        "forbidden",
        `origin ${JSON.stringify(origin ?? "cross-site")}: pages from there may not change anything here`,
      );
      return context.json({ error }, status);
    }
    return next();
  };
}

function isKnownHost(host: string, names: readonly string[]): boolean {
  if (host.startsWith("[")) return /^\[[0-9a-f:.]+\](:\d+)?$/.test(host);
  const name = host.replace(/:\d+$/, "");
  return name === "localhost" || ipv4Pattern.test(name) || names.includes(name);
}

function isSameOrigin(origin: string, host: string): boolean {
  return URL.canParse(origin) && new URL(origin).host === host;
}
