import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type HttpListener, listenHttp } from "./http-listener.ts";

let listener: HttpListener;
let url: string;

beforeEach(async () => {
  const app = new Hono();
  app.use(bodyLimit({ maxSize: 1000 }));
  app.all("*", async (context) => context.text(`${context.req.method} ${await context.req.text()}`));
  listener = await listenHttp({
    service: "test",
    option: "another port",
    address: "127.0.0.1",
    port: 0,
    longRequests: false,
    onError: () => undefined,
    handle: (request, peer) => (request.url.endsWith("/peer") ? new Response(peer.address) : app.fetch(request)),
  });
  url = `http://127.0.0.1:${listener.port}`;
});
afterEach(() => listener.close());

// The limit copies a request whose length is not said; the adapter's own kind of request must bear that.
test("a DELETE without a length passes a body limit", async () => {
  const response = await fetch(url, { method: "DELETE" });
  expect(await response.text()).toBe("DELETE ");
});

test("a POST in chunks passes a body limit whole, and is stopped above it", async () => {
  const post = (bytes: number): Promise<Response> =>
    fetch(url, { method: "POST", body: new Blob(["x".repeat(bytes)]).stream(), duplex: "half" } as RequestInit);
  expect(await (await post(900)).text()).toBe(`POST ${"x".repeat(900)}`);
  expect((await post(1001)).status).toBe(413);
});

test("the handler knows who asks", async () => {
  expect(await (await fetch(`${url}/peer`)).text()).toBe("127.0.0.1");
});

test("a port in use is told with the option that helps", async () => {
  const again = listenHttp({
    service: "test",
    option: "another port",
    address: "127.0.0.1",
    port: listener.port,
    longRequests: false,
    onError: () => undefined,
    handle: () => new Response(),
  });
  await expect(again).rejects.toMatchObject({
    code: "port-in-use",
    message: expect.stringContaining("give another port"),
  });
});
