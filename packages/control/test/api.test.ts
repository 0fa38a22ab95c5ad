import { Validator } from "@seriousme/openapi-schema-validator";
import { API_ERROR_CODES, API_ERROR_STATUS, apiErrorBodySchema, settingsSchema, statusSchema } from "@ingot/api";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createApiApp } from "../src/index.ts";
import { MAX_JSON_BODY_BYTES } from "../src/limits.ts";
import { ApiClient, type Harness, openHarness, sending } from "./harness.ts";

let harness: Harness;
let api: ApiClient;

beforeEach(async () => {
  harness = await openHarness();
  api = new ApiClient(harness.api);
});

afterEach(async () => {
  await harness.control.close();
  await harness.db.destroy();
  expect(harness.failures).toEqual([]);
});

interface OpenApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId: string }>>>>;
}

test("the OpenAPI document is one, by a validator that is not ours", async () => {
  const { body } = await api.get<OpenApiDocument>("/openapi.json");
  const result = await new Validator().validate(JSON.stringify(body, undefined, 1));
  expect(result).toMatchObject({ valid: true });
  const operations = Object.values(body.paths).flatMap((methods) =>
    Object.values(methods).map((operation) => operation.operationId),
  );
  expect(new Set(operations).size).toBe(operations.length);
  expect(Object.keys(body.paths)).toContain("/api/v1/machines/{machine}");
});

test("the status holds what its schema says", async () => {
  const { body } = await api.get("/status");
  expect(statusSchema.parse(body)).toMatchObject({
    version: "0.1.0-test",
    counts: { machines: 0 },
    settings: { registration: "open", plan: "local" },
  });
  expect(settingsSchema.parse((await api.get("/settings")).body)).toEqual({
    registration: "open",
    plan: "local",
    enrolment: "open",
    alertBelowBytesPerSecond: 10_000_000,
    alertFailedPercent: 5,
    mode: "reset",
  });
});

test("settings survive, and an image that is not there is no setting", async () => {
  expect((await api.send("PATCH", "/settings", { image: "nothing" })).status).toBe(404);
  await api.send("PATCH", "/settings", { registration: "closed", plan: "menu" });
  const other = await openHarness({ db: harness.db });
  expect((await new ApiClient(other.api).get("/settings")).body).toEqual({
    registration: "closed",
    plan: "menu",
    enrolment: "open",
    alertBelowBytesPerSecond: 10_000_000,
    alertFailedPercent: 5,
    mode: "reset",
  });
  await other.control.close();
});

test.each([
  ["GET", "/nothing", undefined, 404],
  ["PUT", "/machines", {}, 404],
  ["GET", "/machines?limit=0", undefined, 400],
  ["GET", "/machines?limit=1001", undefined, 400],
  ["GET", "/machines?limit=ten", undefined, 400],
  ["GET", "/events?cursor=abc", undefined, 400],
  ["GET", "/machines/..%2F..%2Fetc", undefined, 404],
  ["PUT", "/groups/Room", {}, 400],
  ["GET", "/images/a:b:c", undefined, 400],
])("%s %s is refused in the one form of errors", async (method, path, body, status) => {
  const answer = await api.send(method, path, body);
  expect(answer.status).toBe(status);
  const { error } = apiErrorBodySchema.parse(answer.body);
  expect(API_ERROR_STATUS[error.code]).toBe(status);
});

test.each([
  ["no JSON", { method: "POST", body: "{", headers: { "content-type": "application/json" } }, 400, "invalidRequest"],
  [
    "a form",
    { method: "POST", body: "macs=1", headers: { "content-type": "application/x-www-form-urlencoded" } },
    415,
    "unsupportedMediaType",
  ],
  ["nothing", { method: "POST" }, 400, "invalidRequest"],
])("a body that is %s is the asker's fault", async (_what, init, status, code) => {
  const response = await harness.api.request("/api/v1/machines", init);
  expect(response.status).toBe(status);
  expect(apiErrorBodySchema.parse(await response.json()).error.code).toBe(code);
});

test("a body that is too large is refused before it is read", async () => {
  const body = JSON.stringify({ macs: ["525400000001"], comment: "x".repeat(MAX_JSON_BODY_BYTES) });
  const answer = await harness.api.request("/api/v1/machines", {
    method: "POST",
    body,
    headers: { "content-type": "application/json" },
  });
  expect(answer.status).toBe(413);
});

test.each(["localhost:8470", "127.0.0.1:8470", "[::1]:8470", "10.0.0.1", "LOCALHOST"])(
  "host %s is this server",
  async (host) => {
    expect((await harness.api.request("/api/v1/status", { headers: { host } })).status).toBe(200);
  },
);

test.each([
  "evil.example",
  "evil.example:8470",
  "localhost.evil.example",
  "127.0.0.1.evil.example",
  "[::1].evil.example",
  "1.2.3.4.5",
])("host %s is a foreign name that was made to point here", async (host) => {
  const response = await harness.api.request("/api/v1/status", { headers: { host } });
  expect(response.status).toBe(403);
  expect(apiErrorBodySchema.parse(await response.json()).error.code).toBe("forbidden");
});

test.each([
  [{ origin: "http://evil.example" }, 403],
  [{ origin: "null" }, 403],
  [{ origin: "http://127.0.0.1:9999" }, 403],
  [{ "sec-fetch-site": "cross-site" }, 403],
  [{ origin: "http://127.0.0.1:8470" }, 200],
  [{}, 200],
])("a change from %j gets %i", async (headers, status) => {
  const { body, method } = sending("PUT", {});
  const response = await harness.api.request("/api/v1/groups/room", {
    method: method ?? "PUT",
    body: body ?? null,
    headers: { "content-type": "application/json", host: "127.0.0.1:8470", ...headers },
  });
  expect(response.status).toBe(status);
});

test("names and origins can be allowed", async () => {
  const app = createApiApp(harness.control, { hostNames: ["ingot.lab"], origins: ["http://localhost:5173"] });
  const headers = { "content-type": "application/json", host: "ingot.lab:8470", origin: "http://localhost:5173" };
  expect((await app.request("/api/v1/groups/room", { method: "PUT", body: "{}", headers })).status).toBe(200);
});

test("answers are not kept by anybody and not guessed to be pages", async () => {
  const { headers } = await harness.api.request("/api/v1/status");
  expect([headers.get("cache-control"), headers.get("x-content-type-options")]).toEqual(["no-store", "nosniff"]);
});

test("every error code has a place in the union", () => {
  expect(API_ERROR_CODES.length).toBe(new Set(API_ERROR_CODES).size);
});
