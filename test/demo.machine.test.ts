import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");

test("the demo boots two machines over the network, one forgets and one keeps its changes, and a third is cloned and boots from its disk", async () => {
  const demo = spawn(join(root, "ingot"), ["demo", "--headless"], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [demo.stdout, demo.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  const [code] = (await once(demo, "close")) as [number | null];
  expect(output).toContain("demo-bios (reset): its change is gone");
  expect(output).toContain("demo-uefi (persistent): its change is kept");
  for (const machine of ["demo-bios", "demo-uefi"]) {
    for (const stage of ["dhcp", "script", "iscsi", "os", "up"])
      expect(output).toMatch(new RegExp(`${machine} .*${stage}`));
  }
  expect(output).toMatch(/demo-uefi .*tftp .*snponly\.efi/);
  for (const state of ["booting", "filling", "done"]) expect(output).toMatch(new RegExp(`demo-clone .*${state}`));
  expect(output).toMatch(/demo-clone .*script .*boots from its own disk[^]*demo-clone .*up/);
  expect(output).toContain("demo-clone: the same system, from its own disk /dev/vda3");
  expect(code, output).toBe(0);
});
