import { join } from "node:path";
import type { Image, Task } from "@ingot/api";
import type { Seat } from "@ingot/server/classroom";
import type { Machine } from "@ingot/testkit/lab";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { IMAGE_BYTES, MARK } from "./clone-image.ts";
import { CloneClassroom, IMAGE, LONG_MS } from "./clone-machines.ts";
import { DiskFile } from "./disk-file.ts";

const MIB = 2 ** 20;

let room: CloneClassroom;

beforeAll(async () => {
  room = await CloneClassroom.open("ingclone");
});
afterAll(() => room?.[Symbol.asyncDispose]());

/** A machine with an empty disk of its own, known to the server. */
async function addSeat(name: string, firmware: "bios" | "uefi", number: number, diskBytes: number): Promise<Seat> {
  const mac = `52:54:00:77:04:0${number}`;
  const { path } = DiskFile.create(join(room.directory, `${name}.img`), diskBytes);
  await room.classroom.ingot("machine", "add", "--name", name, "--mac", mac, "--plan", "local");
  // Its UUID tells a machine from others of its kind.
  return { name, firmware, mac, uuid: `77040000-0000-4000-8000-00000000000${number}`, disks: [path] };
}

/** A machine that boots from its own disk, and looks around in it. */
async function expectBootsFromItsDisk(machine: Machine): Promise<void> {
  await machine.login({ timeoutMs: LONG_MS });
  expect(await machine.runCommand("cat /mnt/root/mark")).toBe(MARK.trim());
  expect(await machine.runCommand("hostname")).toBe("golden");
}

describe("machines with disks of their own", () => {
  let uefi: Seat;
  let disk: DiskFile;

  test("two are cloned as a swarm, one loses its power in the middle and resumes; both boot from their disks", async () => {
    const bios = await addSeat("clone-bios", "bios", 1, IMAGE_BYTES + 64 * MIB);
    uefi = await addSeat("clone-uefi", "uefi", 2, IMAGE_BYTES);
    disk = new DiskFile(join(room.directory, "clone-uefi.img"));
    const to = `${bios.name},${uefi.name}`;
    // Slow enough that there is a middle.
    const slowly = ["--method", "p2p", "--rate", "1500KB"];
    const job = await room.startJob("deploy", IMAGE, "--to", to, "--no-host-name", ...slowly);
    const [first, second] = await Promise.all([room.classroom.powerOn(bios), room.classroom.powerOn(uefi)]);

    // What has travelled: the count of what is done also runs while the disk is looked at and zeroed.
    const isHalfDone = ({ progress: { bytes, doneBytes, totalBytes } }: Task): boolean =>
      bytes.seed + bytes.peers > 0 && doneBytes >= 0.45 * totalBytes;
    await room.waitForTask(job, bios.name, isHalfDone);
    await first.powerOff();
    const again = await room.classroom.powerOn(bios);
    const resumed = await room.waitUntilDone(job, bios.name);
    expect(resumed.progress.bytes.local, "what was verified before the power cut").toBeGreaterThan(
      0.2 * resumed.progress.totalBytes,
    );
    await room.waitUntilDone(job, uefi.name);
    await Promise.all([expectBootsFromItsDisk(again), expectBootsFromItsDisk(second)]);
    await Promise.all([again.powerOff(), second.powerOff()]);
  });

  test("verify finds a block that was changed and repairs it; then the machine is captured as a new image", async () => {
    const place = disk.find(MARK);
    disk.overwrite(place, "another");
    const found = await room.startJob("verify", uefi.name, "--after", "stay");
    const machine = await room.classroom.powerOn(uefi);
    expect(await room.failureOf(found, uefi.name)).toMatchObject({ code: "damaged" });
    const repair = await room.startJob("verify", uefi.name, "--repair", "--after", "stay");
    await room.waitUntilDone(repair, uefi.name);
    expect(disk.textAt(place, MARK.length)).toBe(MARK);

    disk.overwrite(place, "captured");
    const capture = await room.startJob("capture", uefi.name, "captured", "--after", "poweroff");
    await room.waitUntilDone(capture, uefi.name);
    await machine.waitForPowerOff();
    const { versions } = await room.classroom.api.get<Image>("/api/v1/images/captured");
    expect(versions).toMatchObject([{ sizeBytes: IMAGE_BYTES }]);
    // The chunk that is another one now, and nothing that the library has already.
    expect(versions[0]?.storedBytes).toBeGreaterThan(0);
    expect(versions[0]?.storedBytes).toBeLessThan(2 * MIB);
  });
});
