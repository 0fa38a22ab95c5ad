import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Image, Job, Task } from "@ingot/api";
import { Classroom, FULL_DHCP, type Seat } from "@ingot/server/classroom";
import { type Machine, runCommand } from "@ingot/testkit/lab";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeCloneImage, MARK } from "./clone-image.ts";

const IMAGE = "lab";
const IMAGE_BYTES = 2 * 1024 ** 3;
const LONG_MS = 400_000;

let directory: string;
let classroom: Classroom;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "ingot-clone-"));
  const boot = join(directory, "data", "boot", "agent");
  const agent = join(import.meta.dirname, "..", "apps", "agent", "src", "main.ts");
  await runCommand(process.execPath, [...process.execArgv, agent, "build", "--fast", "--output", boot]);
  const scratch = join(directory, "image");
  mkdirSync(scratch);
  await makeCloneImage(boot, join(scratch, "lab.img"), scratch);
  classroom = await Classroom.open({ prefix: "ingclone", directory, serveArguments: FULL_DHCP });
  await classroom.ingot("image", "add", IMAGE, join(scratch, "lab.img"));
});

afterAll(async () => {
  await classroom?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

/** A machine with an empty disk of its own, known to the server. */
async function addSeat(name: string, firmware: "bios" | "uefi", number: number, diskBytes: number): Promise<Seat> {
  const mac = `52:54:00:77:04:0${number}`;
  const disk = join(directory, `${name}.img`);
  writeFileSync(disk, "");
  truncateSync(disk, diskBytes);
  await classroom.ingot("machine", "add", "--name", name, "--mac", mac, "--plan", "local");
  // Its UUID tells a machine from others of its kind.
  return { name, firmware, mac, uuid: `77040000-0000-4000-8000-00000000000${number}`, disks: [disk] };
}

async function startJob(...argumentList: string[]): Promise<Job> {
  const { stdout } = await classroom.ingot(...argumentList, "--json");
  return JSON.parse(stdout) as Job;
}

async function tasksOf(job: Job): Promise<readonly Task[]> {
  return classroom.api.list<Task>(`/api/v1/jobs/${job.id}/tasks`);
}

/** Waits until the task of a machine is as wanted; a task that ends otherwise is told with its reason. */
async function waitForTask(job: Job, machine: string, wanted: (task: Task) => boolean): Promise<Task> {
  const deadline = Date.now() + LONG_MS;
  for (;;) {
    const task = (await tasksOf(job)).find((each) => each.machineName === machine);
    if (task !== undefined && wanted(task)) return task;
    const over = task === undefined || ["done", "failed", "cancelled"].includes(task.state);
    if (over || Date.now() > deadline) throw new Error(`task of ${machine}: ${JSON.stringify(task)}`);
    await pause(500);
  }
}

const isDone = (task: Task): boolean => task.state === "done";

/** A machine that boots from its own disk, and looks around in it. */
async function expectBootsFromItsDisk(machine: Machine): Promise<void> {
  await machine.login({ timeoutMs: LONG_MS });
  expect(await machine.runCommand("cat /mnt/root/mark")).toBe(MARK.trim());
  expect(await machine.runCommand("hostname")).toBe("golden");
}

/** Where in a disk a text stands, sector by sector. */
function findOnDisk(file: string, text: string): number {
  const fd = openSync(file, "r");
  const sector = Buffer.alloc(4096);
  try {
    for (let offset = 0; readSync(fd, sector, 0, sector.length, offset) > 0; offset += sector.length) {
      if (sector.includes(text)) return offset + sector.indexOf(text);
    }
  } finally {
    closeSync(fd);
  }
  throw new Error(`${file} does not hold ${JSON.stringify(text)}`);
}

function textAt(file: string, offset: number, length: number): string {
  const fd = openSync(file, "r");
  const bytes = Buffer.alloc(length);
  readSync(fd, bytes, 0, length, offset);
  closeSync(fd);
  return bytes.toString();
}

function overwrite(file: string, offset: number, text: string): void {
  const fd = openSync(file, "r+");
  writeSync(fd, Buffer.from(text), 0, text.length, offset);
  closeSync(fd);
}

describe("machines with disks of their own", () => {
  let bios: Seat;
  let uefi: Seat;

  test("two are cloned as a swarm, one loses its power in the middle and resumes; both boot from their disks", async () => {
    bios = await addSeat("clone-bios", "bios", 1, IMAGE_BYTES + 512 * 1024 ** 2);
    uefi = await addSeat("clone-uefi", "uefi", 2, IMAGE_BYTES);
    const job = await startJob(
      "deploy",
      IMAGE,
      "--to",
      `${bios.name},${uefi.name}`,
      "--no-host-name",
      "--method",
      "p2p",
    );
    const [first, second] = await Promise.all([classroom.powerOn(bios), classroom.powerOn(uefi)]);

    // What has travelled: the count of what is done also runs while the disk is looked at and zeroed.
    const isHalfDone = ({ progress: { bytes, doneBytes, totalBytes } }: Task): boolean =>
      bytes.seed + bytes.peers > 0 && doneBytes >= 0.45 * totalBytes;
    await waitForTask(job, bios.name, isHalfDone);
    await first.powerOff();
    const again = await classroom.powerOn(bios);
    const resumed = await waitForTask(job, bios.name, isDone);
    expect(resumed.progress.bytes.local, "what was verified before the power cut").toBeGreaterThan(
      0.2 * resumed.progress.totalBytes,
    );
    await waitForTask(job, uefi.name, isDone);
    await Promise.all([expectBootsFromItsDisk(again), expectBootsFromItsDisk(second)]);
    await Promise.all([again.powerOff(), second.powerOff()]);
  });

  test("verify finds a block that was changed and repairs it", async () => {
    const [disk = ""] = uefi.disks ?? [];
    const place = findOnDisk(disk, MARK);
    overwrite(disk, place, "another");
    const found = await startJob("verify", uefi.name, "--after", "stay");
    const machine = await classroom.powerOn(uefi);
    await expect(waitForTask(found, uefi.name, isDone)).rejects.toThrow(/"code":"damaged"/);
    await waitForTask(await startJob("verify", uefi.name, "--repair", "--after", "stay"), uefi.name, isDone);
    await machine.powerOff();
    expect(textAt(disk, place, MARK.length)).toBe(MARK);
  });

  test("a machine is captured as a new image", async () => {
    const [disk = ""] = uefi.disks ?? [];
    overwrite(disk, findOnDisk(disk, MARK), "captured");
    const job = await startJob("capture", uefi.name, "captured", "--after", "poweroff");
    const machine = await classroom.powerOn(uefi);
    await waitForTask(job, uefi.name, isDone);
    await machine.waitForPowerOff();
    const image = await classroom.api.get<Image>("/api/v1/images/captured");
    expect(image.versions.at(-1)?.sizeBytes).toBe(IMAGE_BYTES);
  });

  test("a disk that is too small is not touched, and the task says why", async () => {
    const small = await addSeat("clone-small", "bios", 3, 1024 ** 3);
    const [disk = ""] = small.disks ?? [];
    overwrite(disk, 0, "somebody's data");
    const job = await startJob("deploy", IMAGE, "--to", small.name);
    const machine = await classroom.powerOn(small);
    await expect(waitForTask(job, small.name, isDone)).rejects.toThrow(/"code":"disk-too-small"/);
    await machine.powerOff();
    expect(textAt(disk, 0, 15)).toBe("somebody's data");
  });
});
