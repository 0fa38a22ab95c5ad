import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { consoleFiles } from "./console-files.ts";

let folder: string;
let get: (path: string, method?: string) => Promise<Response>;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "ingot-console-files-"));
  writeFileSync(join(folder, "index.html"), "<title>Ingot</title>");
  mkdirSync(join(folder, "assets"));
  writeFileSync(join(folder, "assets", "index-Bz3k9xQ1.js"), "1");
  writeFileSync(join(folder, "..", "outside.html"), "secret");
  const serve = consoleFiles(folder);
  get = (path, method = "GET") => serve(new Request(`http://127.0.0.1${path}`, { method }));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  rmSync(join(folder, "..", "outside.html"));
});

test("the page is asked for anew each time, and loads nothing from elsewhere", async () => {
  const response = await get("/");
  expect(await response.text()).toBe("<title>Ingot</title>");
  expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(response.headers.get("cache-control")).toBe("no-cache");
  expect(response.headers.get("content-security-policy")).toContain("default-src 'self'");
});

test("a file named by its content may be kept for ever", async () => {
  const response = await get("/assets/index-Bz3k9xQ1.js");
  expect(response.headers.get("cache-control")).toContain("immutable");
  expect(response.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
});

test("HEAD answers without a body", async () => {
  const response = await get("/", "HEAD");
  expect(response.headers.get("content-length")).toBe("20");
  expect(await response.text()).toBe("");
});

test.each([
  "/../outside.html",
  "/%2e%2e/outside.html",
  "/..%2foutside.html",
  "/assets/../../outside.html",
  "//outside.html",
  "/missing.html",
  "/assets",
  "/index",
])("%s is not found", async (path) => {
  expect((await get(path)).status).toBe(404);
});

test("a request that would change something is refused", async () => {
  expect((await get("/", "POST")).status).toBe(405);
});

test("a console that was never built says what builds it", async () => {
  const response = await consoleFiles(join(folder, "nothing"))(new Request("http://127.0.0.1/"));
  expect(await response.text()).toContain("./ingot serve builds it");
});
