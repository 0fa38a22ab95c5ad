import { describe, expect, it } from "vitest";
import { makeLargeFleet } from "../../test/fake-fleet.ts";
import { FakeIngot } from "../../test/fake-ingot.ts";
import { createApiClient } from "./api-client.ts";

const NOW = Date.parse("2026-11-22T08:00:00.000Z");

function makeClient(ingot: FakeIngot) {
  return createApiClient((path, init) => ingot.respond(new Request(new URL(path, "http://127.0.0.1"), init)));
}

describe("the API client", () => {
  it("reads a list page by page to its end", async () => {
    const machines = await makeClient(new FakeIngot(makeLargeFleet(NOW, 2500))).machines();
    expect(new Set(machines.map(({ id }) => id)).size).toBe(2500);
  });

  it("throws the server's own code, sentence and details", async () => {
    const ingot = new FakeIngot(makeLargeFleet(NOW, 5));
    ingot.refuse("DELETE /images/debian13:3", "inUse", "debian13:3 is used by 3 machines", { usedBy: ["pc-1"] });
    await expect(makeClient(ingot).removeImage("debian13:3")).rejects.toMatchObject({
      code: "inUse",
      message: "debian13:3 is used by 3 machines",
      details: { usedBy: ["pc-1"] },
    });
  });

  it("tells a server that does not answer from one that refuses", async () => {
    const offline = createApiClient(() => Promise.reject(new TypeError("Failed to fetch")));
    await expect(offline.status()).rejects.toMatchObject({ code: "unreachable" });
  });

  it.each(["<html>Bad Gateway</html>", "null", '{"error":"no"}'])(
    "does not trip over an answer that is not ours: %s",
    async (body) => {
      const proxy = createApiClient(() => Promise.resolve(new Response(body, { status: 502 })));
      await expect(proxy.status()).rejects.toMatchObject({ code: "unreachable" });
    },
  );

  it("sends what is to be changed, and where", async () => {
    const ingot = new FakeIngot(makeLargeFleet(NOW, 5));
    const client = makeClient(ingot);
    await client.patchMachine("m1", { mode: "persistent", image: null });
    await client.resetDisk("m1");
    await client.removeMachine("m1");
    expect(ingot.seen).toEqual([
      { method: "PATCH", path: "/machines/m1", body: { mode: "persistent", image: null } },
      { method: "POST", path: "/disks/m1/reset", body: undefined },
      { method: "DELETE", path: "/machines/m1", body: undefined },
    ]);
  });
});
