import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Disk } from "@ingot/api";
import { buildGoldenImage, cacheDirectory, Classroom, FULL_DHCP } from "@ingot/server/classroom";
import { type Machine, MOUNT_PROGRAM_DISK, runCommand, writeProgramDisk } from "@ingot/testkit/lab";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const GUEST = { name: "guest", firmware: "bios", mac: "52:54:00:77:03:01" } as const;
const SECOND = { name: "second", mac: "52:54:00:77:03:02" } as const;
const SECOND_DISK_BYTES = 256 << 20;
/** Where the golden image has its root file system. */
const ROOT_OFFSET_MIB = 42;
const WORK_MS = 4000;

/**
 * Every block is written once, so that one which goes missing has no checksum; with pauses, so that the outages come before the
 * end: a rate would be caught up with after each of them.
 */
const FIO = [
  "fio --rw=randwrite --bs=4k --size=16m --thinktime=250ms --thinktime_blocks=16 --fallocate=none",
  "--verify=crc32c --verify_fatal=1 --minimal",
].join(" ");

/** A counter in a file, synced before it is called acknowledged: in /run, which is memory. */
const LEDGER =
  "(i=0; while :; do i=$((i+1)); echo $i >>/root/ledger && sync /root/ledger && echo $i >/run/ledger; done) &";

const LEDGER_GROWS =
  "sleep 0.1; read a </run/ledger; b=$a; while [ ${b:-0} -lt $((a+5)) ]; do sleep 0.2; read b </run/ledger; done";

/** As `LEDGER`, but what was acknowledged is told at once to somebody who outlives the machine. */
const LEDGER_ALOUD =
  "while :; do i=$((i+1)); echo last $i >>/root/ledger && sync /root/ledger && echo acknowledged $i; done\n";

/** What the kernel says when an error got past the initiator: to the disk, to the file system, to a program. */
const ERROR_THAT_GOT_THROUGH =
  /I\/O error|EXT4-fs (error|warning)|JBD2: .*(error|abort)|Remounting filesystem|rejecting I\/O|lost async page write|Sense Key/i;

describe("Debian's open-iscsi", () => {
  let directory: string;
  let classroom: Classroom;

  beforeAll(async () => {
    const image = await buildGoldenImage({ cacheDir: cacheDirectory() });
    directory = mkdtempSync(join(tmpdir(), "ingot-open-iscsi-"));
    await writeProgramDisk(join(directory, "programs.img"), ["fio"]);
    const empty = join(directory, "empty.img");
    writeFileSync(empty, "");
    truncateSync(empty, SECOND_DISK_BYTES);
    classroom = await Classroom.open({
      prefix: "ingoiscsi",
      directory,
      serveArguments: FULL_DHCP,
      // A bridge with nobody on it is down, and a server does not start on it once the guest is off.
      async prepare(lab, network) {
        const somebody = await lab.addNamespace("somebody");
        await lab.addCable({ namespace: network, name: "other", bridge: "br0" }, { namespace: somebody, name: "eth0" });
      },
    });
    await addMachine(GUEST, image.path);
    await addMachine(SECOND, empty);
  });

  afterAll(async () => {
    await classroom?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  async function addMachine({ name, mac }: { name: string; mac: string }, image: string): Promise<void> {
    await classroom.ingot("image", "add", name, image);
    const settings = ["--plan", "diskless", "--mode", "persistent", "--image", name];
    await classroom.ingot("machine", "add", "--name", name, "--mac", mac, ...settings);
  }

  async function killServer(): Promise<void> {
    const { child } = classroom.server;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  /** A second disk beside the root, with digests and a file system, by what an administrator types. */
  async function mountSecondDisk(machine: Machine): Promise<void> {
    const { portal, target } = await classroom.api.get<Disk>(`/api/v1/disks/${SECOND.name}`);
    const node = `iscsiadm -m node -T ${target} -p ${portal}`;
    await machine.runCommand(`iscsiadm -m discovery -t sendtargets -p ${portal}`);
    for (const digest of ["HeaderDigest", "DataDigest"])
      await machine.runCommand(`${node} -o update -n node.conn[0].iscsi.${digest} -v CRC32C`);
    await machine.runCommand(`${node} --login`);
    expect(await machine.runCommand("iscsiadm -m session -P 2")).toMatch(/HeaderDigest: CRC32C\s+DataDigest: CRC32C/);
    await machine.runCommand(
      "while [ ! -e /dev/sdb ]; do sleep 0.2; done; mkfs.ext4 -q /dev/sdb && mount /dev/sdb /mnt",
    );
    expect(await machine.runCommand(`${node} | grep replacement_timeout`)).toMatch(/= 120$/);
  }

  /** Waits until both disks take writes again. */
  async function worksAgain(machine: Machine): Promise<void> {
    await machine.runCommand(LEDGER_GROWS, { timeoutMs: 120_000 });
    await machine.runCommand("echo x >/mnt/again && sync /mnt/again", { timeoutMs: 120_000 });
    await pause(WORK_MS);
  }

  /** A copy of a disk's file system as it is now, repaired as at any boot and then found without fault. */
  async function copyFileSystem(name: string, offsetMiB: number): Promise<string> {
    const { portal, target, lun } = await classroom.api.get<Disk>(`/api/v1/disks/${name}`);
    const disk = join(directory, `${name}.disk`);
    const fileSystem = join(directory, `${name}.ext4`);
    const convert = ["convert", "-f", "raw", "-O", "raw", `iscsi://${portal}/${target}/${lun}`, disk];
    await classroom.network.run("qemu-img", convert);
    await runCommand("dd", [`if=${disk}`, `of=${fileSystem}`, "bs=1M", `skip=${offsetMiB}`, "conv=sparse"]);
    await runCommand("e2fsck", ["-p", fileSystem]);
    await runCommand("e2fsck", ["-f", "-n", fileSystem]);
    return fileSystem;
  }

  async function copyFile(fileSystem: string, path: string): Promise<string> {
    const file = join(directory, "file");
    await runCommand("debugfs", ["-R", `dump ${path} ${file}`, fileSystem]);
    return file;
  }

  test("no error reaches two file systems under fio when the network is cut, the server restarted and killed; then all power goes at once, and nothing acknowledged is lost", async () => {
    const machine = await classroom.powerOn({ ...GUEST, disks: [join(directory, "programs.img")] });
    await machine.login({ timeoutMs: 400_000 });
    await machine.runCommand(MOUNT_PROGRAM_DISK);
    await mountSecondDisk(machine);
    // As Debian ships it.
    expect(await machine.runCommand("iscsiadm -m session -P 2")).toMatch(/Recovery Timeout: 120/);
    await machine.runCommand("dmesg --clear");

    // Many commands at once, none flushed for long; and through the page cache, flushed often.
    const jobs = {
      direct: `${FIO} --name=direct --filename=/mnt/direct --direct=1 --ioengine=libaio --iodepth=16 --fsync=500`,
      cached: `${FIO} --name=cached --filename=/root/cached --ioengine=psync --fsync=16`,
    };
    for (const [name, job] of Object.entries(jobs))
      await machine.runCommand(`(${job} >/run/${name}.log 2>&1; echo $? >/run/${name}.end) &`);
    await machine.runCommand(LEDGER);
    await pause(WORK_MS);

    const cable = ["link", "set", `tap-${GUEST.name}`];
    await classroom.network.run("ip", [...cable, "down"]);
    await pause(20_000);
    await classroom.network.run("ip", [...cable, "up"]);
    await worksAgain(machine);
    await classroom.server.stop();
    await classroom.startServer();
    await worksAgain(machine);
    await killServer();
    await classroom.startServer();
    await worksAgain(machine);
    expect(await machine.runCommand("ls /run/*.end 2>&1 || true"), "fio ended before the last outage").toMatch(
      /No such/,
    );

    for (const name of Object.keys(jobs)) {
      const end = `while [ ! -e /run/${name}.end ]; do sleep 0.5; done; read code </run/${name}.end; cat /run/${name}.log; exit $code`;
      await machine.runCommand(`(${end})`, { timeoutMs: 240_000 });
    }
    const log = await machine.runCommand("dmesg");
    expect(log.match(/detected conn error/g)?.length ?? 0, log).toBeGreaterThanOrEqual(3);
    expect(log).not.toMatch(ERROR_THAT_GOT_THROUGH);
    expect(await machine.runCommand("cat /proc/mounts")).toMatch(
      /\/dev\/sda3 \/ ext4 rw,[^]*\/dev\/sdb \/mnt ext4 rw,/,
    );

    machine.type(LEDGER_ALOUD);
    await machine.waitForSerial("acknowledged 10\n", { timeoutMs: 60_000 });
    await Promise.all([killServer(), machine.powerOff()]);
    const acknowledged = [...machine.console.text.matchAll(/^acknowledged (\d+)\s/gm)].at(-1)?.[1];

    await classroom.startServer();
    const root = await copyFileSystem(GUEST.name, ROOT_OFFSET_MIB);
    const entries = readFileSync(await copyFile(root, "/root/ledger"), "utf8").split("\n");
    expect(entries).toContain(`last ${acknowledged}`);
    const verify = ["--rw=read", "--bs=4k", "--size=16m", "--verify=crc32c", "--name=verify", "--ioengine=psync"];
    await runCommand("fio", [...verify, `--filename=${await copyFile(root, "/root/cached")}`]);
    const second = await copyFileSystem(SECOND.name, 0);
    await runCommand("fio", [...verify, `--filename=${await copyFile(second, "/direct")}`]);
  });
});
