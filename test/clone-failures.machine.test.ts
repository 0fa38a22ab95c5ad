import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Agent, Job } from "@ingot/api";
import type { Seat } from "@ingot/server/classroom";
import type { Machine, MachineDisk } from "@ingot/testkit/lab";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { IMAGE_BYTES, MARK } from "./clone-image.ts";
import { CloneClassroom, IMAGE, LONG_MS } from "./clone-machines.ts";
import { DiskFile } from "./disk-file.ts";

const MIB = 2 ** 20;
const NAME = "room-3-pc-07";
const MACS = ["52:54:00:77:05:01", "52:54:00:77:05:02"] as const;
const THEIRS = "somebody's data";

let room: CloneClassroom;
/** The sector of the image's disk that one of the machine's disks does not take. */
let badSector: number;

beforeAll(async () => {
  room = await CloneClassroom.open("ingfail");
  badSector = new DiskFile(room.imageFile).find(MARK) / 512;
});
afterAll(() => room?.[Symbol.asyncDispose]());

/** A disk on which there is something already. */
function addDisk(name: string, sizeBytes: number): DiskFile {
  const disk = DiskFile.create(join(room.directory, `${name}.img`), sizeBytes);
  disk.overwrite(0, THEIRS);
  return disk;
}

/** Computers with the same UUID and serial number. */
function seat(name: string, mac: string, disks: readonly MachineDisk[]): Seat {
  const uuid = "77050000-0000-4000-8000-000000000001";
  return { name, firmware: "bios", mac, uuid, disks, extraArguments: ["-smbios", "type=1,serial=SN-7705"] };
}

/** Writes an image to a disk, by its serial number. */
function deploy(disk: string, ...options: string[]): Promise<Job> {
  return room.startJob("deploy", IMAGE, "--to", NAME, "--disk", `serial=${disk}`, "--method", "p2p", ...options);
}

// One machine, with a disk for each misfortune: to start one takes longer than what is shown with it.
describe("a machine whose task cannot be done", () => {
  let machine: Machine;
  let disks: Readonly<Record<"small" | "wide" | "unsigned" | "bad" | "gone" | "good", DiskFile>>;

  test("two computers that say that they are one machine get nothing, until somebody has decided", async () => {
    disks = {
      small: addDisk("small", 64 * MIB),
      wide: addDisk("wide", IMAGE_BYTES + 64 * MIB),
      unsigned: addDisk("unsigned", IMAGE_BYTES),
      bad: addDisk("bad", IMAGE_BYTES),
      gone: addDisk("gone", IMAGE_BYTES),
      good: addDisk("good", IMAGE_BYTES + 512 * MIB),
    };
    const twins = addDisk("twins", IMAGE_BYTES);
    const plain = (name: keyof typeof disks): MachineDisk => ({ file: disks[name].path, serial: name });
    const first = seat("first", MACS[0], [
      plain("small"),
      { ...plain("wide"), sectorBytes: 4096 },
      plain("unsigned"),
      { ...plain("bad"), bus: "nvme", badSector },
      plain("gone"),
      plain("good"),
    ]);
    await room.classroom.ingot("machine", "add", "--name", NAME, "--mac", MACS[0], "--plan", "local");
    const job = await deploy("good");
    machine = await room.classroom.powerOn(first);
    // The first makes the machine's facts known.
    await machine.waitForSerial("starts the agent's system", { timeoutMs: LONG_MS });
    const twin = await room.classroom.powerOn(seat("second", MACS[1], [{ file: twins.path, serial: "good" }]));

    const { code, message } = await room.failureOf(job, NAME);
    expect([code, message]).toEqual(["identity-clash", expect.stringContaining("two computers")]);
    for (const one of [machine, twin]) await one.waitForSerial("somebody has to decide", { timeoutMs: LONG_MS });
    for (const disk of [disks.good, twins]) expectUntouched(disk);
    await twin.powerOff();

    const waiting = await room.classroom.api.list<Agent>("/api/v1/agents?state=quarantined");
    const ours = waiting.find(({ inventory }) => inventory.nics.some(({ mac }) => mac === MACS[0]));
    await room.classroom.ingot("machine", "approve", ours?.code ?? "");
  });

  test("a disk that is too small or has other sectors, and an image without signature: each is refused before the first write", async () => {
    const plain = join(room.directory, "plain.raw");
    writeFileSync(plain, Buffer.alloc(MIB, THEIRS));
    const { stdout } = await room.classroom.ingot("image", "add", "unsigned", plain, "--json");
    const { version } = JSON.parse(stdout) as { version: { manifestId: string } };
    rmSync(join(room.classroom.dataDirectory, "store", "manifests", `${version.manifestId}.sig`));

    const small = await deploy("small");
    const wide = await deploy("wide");
    const unsigned = await room.startJob("deploy", "unsigned", "--to", NAME, "--disk", "serial=unsigned");
    expect(await room.failureOf(small, NAME)).toMatchObject({
      code: "disk-too-small",
      message: expect.stringContaining("too few"),
    });
    expect(await room.failureOf(wide, NAME)).toMatchObject({
      code: "sector-size",
      message: expect.stringContaining("made for sectors of 512 bytes, vdb has 4096"),
    });
    expect(await room.failureOf(unsigned, NAME)).toMatchObject({
      code: "signature-missing",
      message: expect.stringContaining("unsigned:1 has no signature"),
    });
    for (const disk of [disks.small, disks.wide, disks.unsigned]) expectUntouched(disk);
  });

  test("a sector that the disk does not take fails the task, with its number and what the disk says of its health", async () => {
    const failure = await room.failureOf(await deploy("bad"), NAME);
    expect(failure).toMatchObject({ code: "disk-write", sector: badSector, smart: expect.stringContaining("passed") });
  });

  test("a disk that is pulled out while it is filled fails the task, by name", async () => {
    const job = await deploy("gone", "--rate", "1MB");
    await room.waitForTask(job, NAME, ({ progress: { bytes } }) => bytes.seed > 0);
    await machine.unplugDisk(4);
    expect(await room.failureOf(job, NAME)).toMatchObject({
      code: "disk-gone",
      message: expect.stringMatching(/\/dev\/vd[a-z] is not there any more/),
    });
  });

  test("disks are wiped", async () => {
    const wipe = ["wipe", NAME, "--yes", "--after", "stay"];
    const discard = await room.startJob(...wipe, "--disk", "serial=wide");
    const zero = await room.startJob(...wipe, "--disk", "serial=small", "--method", "zero");
    expect((await room.waitUntilDone(discard, NAME)).note).toContain("all blocks were given back");
    expect((await room.waitUntilDone(zero, NAME)).note).toContain("zeros were written over all");
    for (const { path } of [disks.wide, disks.small]) run("cmp", `--bytes=${sizeOf(path)}`, path, "/dev/zero");
  });

  test("a larger disk: the last partition and its file system grow, host name and files are the machine's own", async () => {
    const template = join(room.directory, "machine.conf");
    writeFileSync(template, "name=${hostname} card=${mac} serial=${serial}\n");
    const wishes = ["--grow", "--host-name", "R3-${number}", "--inject", `/etc/machine.conf=${template}`];
    await room.waitUntilDone(await deploy("good", ...wishes, "--after", "poweroff"), NAME);
    await machine.waitForPowerOff({ timeoutMs: LONG_MS });

    const { path } = disks.good;
    expect(run("sfdisk", "--verify", path)).toContain("No errors detected");
    const { start, size } = lastPartitionOf(path);
    expect((start + size) * 512).toBeGreaterThan(sizeOf(path) - 2 * MIB);
    const fileSystem = `${path}?offset=${start * 512}`;
    run("e2fsck", "-f", "-n", fileSystem);
    const stats = run("debugfs", "-R", "stats", fileSystem);
    const figure = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(stats)?.[1]);
    expect(figure("Block count") * figure("Block size")).toBeGreaterThan(size * 512 - MIB);
    expect(run("debugfs", "-R", "cat /etc/hostname", fileSystem)).toBe("R3-07\n");
    expect(run("debugfs", "-R", "cat /etc/machine.conf", fileSystem)).toBe(
      `name=R3-07 card=${MACS[0]} serial=SN-7705\n`,
    );
    expect(run("debugfs", "-R", "cat /root/mark", fileSystem)).toBe(MARK);
  });
});

/** What was there is there, and not a block more. */
function expectUntouched(disk: DiskFile): void {
  expect(disk.textAt(0, THEIRS.length)).toBe(THEIRS);
  expect(disk.allocatedBytes).toBeLessThanOrEqual(4096);
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function sizeOf(path: string): number {
  return Number(run("stat", "--format=%s", path));
}

/** In sectors of 512 bytes. */
function lastPartitionOf(path: string): { readonly start: number; readonly size: number } {
  const table = JSON.parse(run("sfdisk", "--json", path)) as {
    partitiontable: { partitions: { start: number; size: number }[] };
  };
  return table.partitiontable.partitions.at(-1) ?? { start: 0, size: 0 };
}
