import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { serviceUnit } from "./service-unit.ts";

const facts = { server: "https://10.0.0.1:8472", pin: "3f8a", power: true };

test("the service runs the agent as it was called, with a folder of its own", () => {
  const unit = serviceUnit(["/usr/bin/node", "/opt/ingot/main.ts"], facts);
  expect(unit).toContain(
    "\nExecStart=/usr/bin/node /opt/ingot/main.ts run --server https://10.0.0.1:8472 --pin 3f8a --state /var/lib/ingot-agent --power\n",
  );
});

test("a machine that must not be restarted says so, and a token is read from a file", () => {
  const unit = serviceUnit(["node"], { ...facts, power: false, tokenFile: "/etc/ingot token" });
  expect(unit).toContain('--token-file "/etc/ingot token"\n');
  expect(unit).not.toContain("--power");
});

test("what means something to systemd is escaped", () => {
  const unit = serviceUnit(['/opt/50% "off"/$x/node'], facts);
  expect(unit).toContain(String.raw`ExecStart="/opt/50%% \"off\"/$$x/node" run`);
});

test.skipIf(!existsSync("/usr/bin/systemd-analyze"))(
  "systemd finds nothing wrong with it (skipped without systemd)",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "ingot-unit-"));
    const path = join(folder, "ingot-agent.service");
    writeFileSync(path, serviceUnit([process.execPath, "/opt/main.ts"], facts));
    const said = execFileSync("systemd-analyze", ["verify", "--man=no", path], { encoding: "utf8", stdio: "pipe" });
    rmSync(folder, { recursive: true });
    expect(said).toBe("");
  },
);
