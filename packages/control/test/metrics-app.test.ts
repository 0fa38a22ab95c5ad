import { expect, test } from "vitest";
import { createMetricsApp } from "../src/index.ts";

function makeApp() {
  const failures: unknown[] = [];
  const app = createMetricsApp({
    read: ({ machines }) => Promise.resolve(`machines ${machines}\n`),
    onError: (error) => failures.push(error),
    guard: { hostNames: ["ingot.example"] },
  });
  return { app, failures };
}

test("the figures are plain text that nobody keeps", async () => {
  const { app } = makeApp();
  const response = await app.request("http://127.0.0.1:8470/metrics");
  expect([response.status, response.headers.get("content-type"), response.headers.get("cache-control")]).toEqual([
    200,
    "text/plain; version=0.0.4; charset=utf-8",
    "no-store",
  ]);
  expect(await response.text()).toBe("machines false\n");
  expect(await (await app.request("http://127.0.0.1:8470/metrics?machines=1")).text()).toBe("machines true\n");
});

test("who may not ask the API may not ask for the figures", async () => {
  const { app } = makeApp();
  const status = async (host: string): Promise<number> => (await app.request("/metrics", { headers: { host } })).status;
  expect(await Promise.all(["10.0.0.1:8470", "ingot.example:8470", "evil.example"].map(status))).toEqual([
    200, 200, 403,
  ]);
});

test("there is nothing to change", async () => {
  const { app } = makeApp();
  expect((await app.request("http://127.0.0.1/metrics", { method: "POST" })).status).toBe(405);
  expect((await app.request("http://127.0.0.1/metrics", { method: "HEAD" })).status).toBe(200);
});

test("a failure is told to the server and not to the asker", async () => {
  const failures: unknown[] = [];
  const app = createMetricsApp({
    read: () => Promise.reject(new Error("secret path")),
    onError: (error) => failures.push(error),
  });
  const response = await app.request("http://127.0.0.1/metrics");
  expect([response.status, (await response.text()).includes("secret")]).toEqual([500, false]);
  expect(failures).toHaveLength(1);
});
