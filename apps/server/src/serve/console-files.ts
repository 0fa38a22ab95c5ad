import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".json": "application/json",
};

/** A built file's name carries a hash of its content (`assets/index-Bz3k9.js`), so it may be kept for ever. */
const HASHED = /^\/assets\/[\w.-]+-[\w-]{8,}\.\w+$/;

/**
 * Serves the built console; `/` is its page. Only names of one or two plain segments are looked up, so no path leads out of
 * the folder.
 */
export function consoleFiles(folder: string): (request: Request) => Promise<Response> {
  return async (request) => {
    if (request.method !== "GET" && request.method !== "HEAD")
      return new Response("only GET and HEAD here\n", { status: 405, headers: { allow: "GET, HEAD" } });
    const { pathname } = new URL(request.url);
    const name = pathname === "/" ? "/index.html" : pathname;
    if (!/^(\/[\w-][\w.-]*){1,2}$/.test(name) || !(extname(name) in TYPES)) return notFound("no such file");
    try {
      const body = await readFile(join(folder, name));
      return new Response(request.method === "HEAD" ? null : body, {
        headers: {
          "content-type": TYPES[extname(name)] ?? "application/octet-stream",
          "content-length": String(body.length),
          "cache-control": HASHED.test(name) ? "public, max-age=31536000, immutable" : "no-cache",
          // The console is one origin and loads nothing from elsewhere; nobody may put it into a frame.
          "content-security-policy":
            "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
          "x-content-type-options": "nosniff",
          "referrer-policy": "no-referrer",
        },
      });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      return notFound(name === "/index.html" ? "the console is not built; ./ingot serve builds it" : "no such file");
    }
  };
}

function notFound(text: string): Response {
  return new Response(`${text}\n`, { status: 404, headers: { "content-type": "text/plain; charset=utf-8" } });
}
