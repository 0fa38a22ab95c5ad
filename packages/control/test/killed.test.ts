import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { openSqlite } from "../src/index.ts";
import { openHarness } from "./harness.ts";

/** Boots machines without end and says each boot number after it was given. */
const victim = `
  const { openHarness, scriptFor } = await import(${JSON.stringify(join(import.meta.dirname, "harness.ts"))});
  const { openSqlite } = await import(${JSON.stringify(join(import.meta.dirname, "../src/index.ts"))});
  const harness = await openHarness({ db: openSqlite(process.argv[1]) });
  for (let count = 0; ; count += 1) {
    const mac = "5254000000" + (count % 20).toString(16).padStart(2, "0");
    const { row } = await harness.control.machines.identifyOrRegister({ mac: mac.replaceAll(/(..)(?!$)/g, "$1:"), firmware: "bios" });
    await scriptFor(harness.boot, "mac=" + mac);
    const { allocated_boot } = (await harness.control.machines.record(row.id)).row;
    console.log(row.id + " " + allocated_boot);
  }
`;

test("a server that is killed again and again forgets no machine and gives no boot number twice", async () => {
  const directory = mkdtempSync(join(tmpdir(), "ingot-control-"));
  const path = join(directory, "ingot.sqlite");
  const told = new Map<string, number>();
  try {
    for (let round = 0; round < 3; round += 1) {
      const child = spawn(process.execPath, ["--input-type=module", "-e", victim, path], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      let lines = 0;
      for await (const line of createInterface({ input: child.stdout })) {
        const [id = "", boot = ""] = line.split(" ");
        expect(Number(boot)).toBeGreaterThan(told.get(id) ?? 0);
        told.set(id, Number(boot));
        lines += 1;
        if (lines === 60) child.kill("SIGKILL");
      }
      expect(lines).toBeGreaterThanOrEqual(60);
      const harness = await openHarness({ db: openSqlite(path) });
      for (const [id, boot] of told) {
        expect((await harness.control.machines.record(id)).row.allocated_boot).toBeGreaterThanOrEqual(boot);
      }
      expect(await harness.control.machines.count()).toBe(20);
      await harness.control.close();
      await harness.db.destroy();
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}, 60_000);
