import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lab } from "@ingot/testkit/lab";
import { expect, test } from "vitest";
import { INGOT, serveArguments, ServerProcess } from "./server-process.ts";

test("a server whose boot interface has no link yet waits for it, as after a power cut with a slow switch", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ingot-interface-"));
  try {
    await using lab = await Lab.open({ prefix: "ingiface" });
    const network = await lab.addNamespace("host");
    await network.run("ip", ["link", "add", "boot0", "type", "veth", "peer", "name", "switch0"]);
    await network.configure("boot0", { address: "10.78.0.1/24" });
    const serve = [...INGOT, ...serveArguments(join(folder, "data"), "--interface", "boot0", "--user", "root")];
    const starting = ServerProcess.launch(["ip", "netns", "exec", network.name, ...serve]);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await network.run("ip", ["link", "set", "switch0", "up"]);
    await using server = await starting;
    expect(server.notices[0]).toMatchObject({
      event: "warning",
      message: expect.stringContaining("boot0 has no link"),
    });
    expect(server.notices.at(-1)).toMatchObject({ event: "ready" });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
