import { execFile } from "node:child_process";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TargetServer } from "@ingot/iscsi";
import type { BlockDevice, IscsiEvent } from "@ingot/iscsi";
import { MemoryDevice } from "./memory-device.ts";
import { finish, havePrograms } from "./peers.ts";
import { RawFileDevice } from "./raw-file-device.ts";

const MEMORY = "iqn.2026-11.org.ingot:memory";
const FILE = "iqn.2026-11.org.ingot:file";
const SECRET = "iqn.2026-11.org.ingot:secret";

describe.runIf(havePrograms("iscsi-ls", "iscsi-inq", "iscsi-perf", "iscsi-test-cu", "qemu-img", "qemu-io"))(
  "initiators that are not ours",
  () => {
    let server: TargetServer;
    let dir: string;
    let file: RawFileDevice;
    let portal: string;
    const memory = new MemoryDevice(64 * 1_048_576);
    const events: IscsiEvent[] = [];

    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), "ingot-iscsi-"));
      await writeFile(join(dir, "disk.raw"), "");
      await truncate(join(dir, "disk.raw"), 32 * 1_048_576);
      file = new RawFileDevice(join(dir, "disk.raw"));
      const disks = new Map<string, BlockDevice>([
        [MEMORY, memory],
        [FILE, file],
        [SECRET, memory],
      ]);
      server = await TargetServer.listen({
        address: "127.0.0.1",
        port: 0,
        onEvent: (event) => events.push(event),
        directory: {
          credentials: async ({ targetName }) =>
            targetName === SECRET ? { name: "machine", secret: "a-long-secret" } : undefined,
          resolve: async ({ targetName }) => {
            const device = disks.get(targetName);
            return device === undefined
              ? { kind: "refused", reason: "notFound" }
              : { kind: "disk", device, id: targetName };
          },
          list: async () => [...disks.keys()].map((targetName) => ({ targetName })),
        },
      });
      portal = `127.0.0.1:${server.address.port}`;
    });

    afterAll(async () => {
      await server.close();
      file.close();
      await rm(dir, { recursive: true });
    });

    test("QEMU follows a login redirect to the server that has the disk", async () => {
      const other = await TargetServer.listen({
        address: "127.0.0.1",
        port: 0,
        directory: {
          credentials: async () => undefined,
          resolve: async () => ({ kind: "moved", address: portal, permanent: false }),
          list: async () => [],
        },
      });
      try {
        memory.write(0, new Uint8Array(4096).fill(0x5d));
        const url = `iscsi://127.0.0.1:${other.address.port}/${MEMORY}/0`;
        const before = server.counters.logins;
        const { output } = await finish("qemu-io", "-r", "-f", "raw", "-c", "read -P 0x5d 0 4096", url);
        expect(output).toContain("read 4096/4096 bytes");
        expect(output).not.toContain("verification failed");
        expect(other.counters).toMatchObject({ logins: 0, refusedLogins: 1 });
        expect(server.counters.logins).toBe(before + 1);
      } finally {
        await other.close();
      }
    });

    test("iscsi-ls finds the targets and their disks", async () => {
      const { code, output } = await finish("iscsi-ls", "--show-luns", `iscsi://machine%a-long-secret@${portal}`);
      expect(code).toBe(0);
      expect(output).toContain(`Target:${MEMORY} Portal:${portal},1`);
      expect(output).toContain(`Target:${FILE} Portal:${portal},1`);
      expect(output.match(/Lun:0 +Type:DIRECT_ACCESS/g)).toHaveLength(3);
    });

    test("iscsi-inq reads the identity and every page", async () => {
      const url = `iscsi://${portal}/${MEMORY}/0`;
      expect((await finish("iscsi-inq", url)).output).toMatch(/Vendor:INGOT +\nProduct:Disk/);
      for (const page of ["0", "128", "131", "176", "177", "178"]) {
        expect(await finish("iscsi-inq", "--evpd", "1", "--pagecode", page, url)).toMatchObject({ code: 0 });
      }
    });

    test.each([
      ["memory", MEMORY, ""],
      ["a raw file", FILE, ""],
      ["a disk behind CHAP", SECRET, "machine%a-long-secret@"],
    ])("QEMU writes and reads %s", async (_, target, user) => {
      const url = `iscsi://${user}${portal}/${target}/0`;
      const commands = [
        "write -P 7 0 4M",
        "write -P 9 4M 4k",
        "write -f -P 11 4100k 64k",
        "write -z 1M 1M",
        "discard 2M 1M",
        "flush",
      ];
      const reads = ["read -P 7 0 1M", "read -P 0 1M 2M", "read -P 7 3M 1M", "read -P 9 4M 4k", "read -P 11 4100k 64k"];
      const written = await finish("qemu-io", "-f", "raw", ...commands.flatMap((one) => ["-c", one]), url);
      expect(written).toMatchObject({ code: 0 });
      const read = await finish("qemu-io", "-f", "raw", ...reads.flatMap((one) => ["-c", one]), url);
      expect(read).toMatchObject({ code: 0 });
      expect(read.output).not.toContain("Pattern verification failed");
    });

    test("qemu-img copies an image onto a disk and finds it the same", async () => {
      const image = join(dir, "image.raw");
      const bytes = Buffer.alloc(5 * 1_048_576, 0);
      for (let i = 0; i < bytes.length; i += 3) bytes[i] = i;
      await writeFile(image, bytes);
      await truncate(image, 32 * 1_048_576);
      const url = `iscsi://${portal}/${FILE}/0`;
      expect(await finish("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", image, url)).toMatchObject({
        code: 0,
      });
      expect((await finish("qemu-img", "compare", "-f", "raw", "-F", "raw", image, url)).output).toContain(
        "Images are identical",
      );
    });

    test.each([
      ["a wrong secret", "machine%wrong@", SECRET, "Authentication failure"],
      ["a wrong name", "other%a-long-secret@", SECRET, "Authentication failure"],
      ["no secret", "", SECRET, "Authentication failure"],
      ["an unknown target", "", "iqn.2026-11.org.ingot:none", "Target not found"],
    ])("%s is refused and told why", async (_, user, target, message) => {
      const before = events.length;
      const { code, output } = await finish(
        "qemu-io",
        "-f",
        "raw",
        "-c",
        "read 0 512",
        `iscsi://${user}${portal}/${target}/0`,
      );
      expect(code).not.toBe(0);
      expect(output).toContain(message);
      expect(events.slice(before)).toContainEqual(expect.objectContaining({ kind: "refused" }));
    });

    test.each([
      ["4 KiB in random order", ["-b", "8", "-r"]],
      ["64 KiB in order", ["-b", "128"]],
    ])("iscsi-perf reads %s, 32 commands at a time, without an error", async (_, options) => {
      const url = `iscsi://${portal}/${FILE}/0`;
      const { code, output } = await finish("iscsi-perf", "-m", "32", "-t", "2", "-x", "0", ...options, url);
      expect(code, output).toBe(0);
      expect(output).toContain("with 32 parallel requests");
      expect(Number(/iops average (\d+) .*\s+finished/.exec(output)?.[1]), output).toBeGreaterThan(0);
      expect(output).not.toMatch(/fail|error|reconnect/i);
    });

    // The libiscsi of QEMU knows header digests only; Debian's open-iscsi tries both, in a machine.
    test("digests on both sides", async () => {
      const url = `iscsi://${portal}/${MEMORY}/0`;
      const options = `driver=iscsi,transport=tcp,portal=${portal},target=${MEMORY},lun=0,header-digest=crc32c`;
      const commands = ["write -P 3 0 300k", "read -P 3 0 300k"];
      const { code, output } = await finish(
        "qemu-io",
        ...commands.flatMap((one) => ["-c", one]),
        "--image-opts",
        options,
      );
      expect({ code, output }).toMatchObject({ code: 0 });
      expect(events.some((event) => event.kind === "login" && event.session.parameters.headerDigest)).toBe(true);
      expect((await finish("iscsi-inq", url)).code).toBe(0);
    });

    test("garbage on the port does not disturb a copy that is running", async () => {
      const url = `iscsi://${portal}/${MEMORY}/0`;
      const copying = finish(
        "qemu-img",
        "bench",
        "-t",
        "none",
        "-f",
        "raw",
        "-c",
        "3000",
        "-d",
        "8",
        "-s",
        "4096",
        url,
      );
      for (let i = 0; i < 30; i++) {
        const socket = connect(server.address.port, "127.0.0.1");
        socket.on("error", () => undefined);
        socket.end(Buffer.alloc(200, i * 37));
        await new Promise((resolve) => socket.once("close", resolve));
      }
      expect(await copying).toMatchObject({ code: 0 });
    });

    test("sessions show who is there and what they did, and end with the initiator", async () => {
      const url = `iscsi://${portal}/${MEMORY}/0`;
      const qemu = execFile("qemu-io", ["-f", "raw", "-c", "read 0 1M", "-c", "sleep 60000", url]);
      await expect.poll(() => server.sessions().map(({ counters }) => counters.readBytes >= 1_048_576)).toEqual([true]);
      expect(server.sessions()).toMatchObject([
        { targetName: MEMORY, peerAddress: "127.0.0.1", parameters: { initialR2T: false } },
      ]);
      qemu.kill("SIGKILL");
      await expect.poll(() => server.sessions()).toEqual([]);
    });
  },
);
