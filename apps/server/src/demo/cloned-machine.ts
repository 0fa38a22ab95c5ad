import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Job, Task } from "@ingot/api";
import type { Machine } from "@ingot/testkit/lab";
import { formatBytes } from "../cli/output.ts";
import type { Classroom, Seat } from "./classroom.ts";
import type { Narrator } from "./narrator.ts";
import { seenUp } from "./seen-up.ts";

/** BIOS, because its firmware takes the least time. */
const SEAT: Seat = {
  name: "demo-clone",
  firmware: "bios",
  mac: "52:54:00:77:00:03",
  uuid: "77000003-0000-4000-8000-000000000003",
};

/** Larger than the image: the second partition table has to move to the disk's end. */
const DISK_BYTES = 3 * 1024 ** 3;

const LOOK_EVERY_MS = 1000;

/** A machine with an empty disk of its own, onto which the image is cloned. */
export class ClonedMachine {
  readonly #classroom: Classroom;
  readonly #tell: Narrator;
  readonly #signal: AbortSignal;
  readonly #disk: string;
  #jobId = "";
  #machine: Machine | undefined;

  private constructor(classroom: Classroom, tell: Narrator, signal: AbortSignal, disk: string) {
    this.#classroom = classroom;
    this.#tell = tell;
    this.#signal = signal;
    this.#disk = disk;
  }

  /** Makes it known to the server, with a disk in `directory`. */
  static async add(
    classroom: Classroom,
    directory: string,
    tell: Narrator,
    signal: AbortSignal,
  ): Promise<ClonedMachine> {
    const disk = join(directory, `${SEAT.name}.img`);
    await writeFile(disk, "");
    await truncate(disk, DISK_BYTES);
    await classroom.ingot("machine", "add", "--name", SEAT.name, "--mac", SEAT.mac, "--plan", "local");
    return new ClonedMachine(classroom, tell, signal, disk);
  }

  /** Starts a job that clones the image, and switches the machine on: a machine begins its task when it starts. */
  async start(image: string): Promise<void> {
    const deploy = ["deploy", image, "--to", SEAT.name];
    const { stdout } = await this.#classroom.ingot(...deploy, "--json");
    this.#jobId = (JSON.parse(stdout) as Job).id;
    this.#tell.remark(`${SEAT.name}: an empty disk of ${formatBytes(DISK_BYTES)}; ingot ${deploy.join(" ")}`);
    this.#machine = await this.#classroom.powerOn({ ...SEAT, disks: [this.#disk] });
  }

  /** Waits until the job is done and the machine has come up again, from its disk. Throws the reason of a task that failed. */
  async cloned(): Promise<void> {
    for (;;) {
      const [task] = await this.#classroom.api.list<Task>(`/api/v1/jobs/${this.#jobId}/tasks`);
      if (task?.state === "done") break;
      if (task === undefined || task.state === "failed" || task.state === "cancelled") {
        throw new Error(`${SEAT.name} was not cloned: ${task?.error?.message ?? task?.reason ?? "its task is gone"}`);
      }
      await sleep(LOOK_EVERY_MS, undefined, { signal: this.#signal });
    }
    await this.#running.login({ timeoutMs: 400_000, signal: this.#signal });
    await seenUp(this.#classroom, SEAT.name, this.#signal);
  }

  /** Looks around in it: it has to be the image, under the machine's name, on its own disk and without a firmware table for iSCSI. */
  async show(): Promise<void> {
    const ask = (command: string): Promise<string> => this.#running.runCommand(command, { signal: this.#signal });
    const root = await ask("findmnt --noheadings --output SOURCE /");
    const name = await ask("hostname");
    const overNetwork = await ask("test -e /sys/firmware/ibft && echo yes || echo no");
    if (!root.startsWith("/dev/vda") || name !== SEAT.name || overNetwork === "yes") {
      throw new Error(
        `${SEAT.name} runs from ${root} as ${name}, iSCSI table: ${overNetwork}; expected its own disk /dev/vda, its name, and no such table`,
      );
    }
    this.#tell.remark(`${SEAT.name}: the same system, from its own disk ${root}, without the server`);
  }

  get #running(): Machine {
    if (this.#machine === undefined) throw new Error(`${SEAT.name} was not switched on`);
    return this.#machine;
  }
}
