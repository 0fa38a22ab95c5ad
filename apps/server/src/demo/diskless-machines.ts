import type { Disk } from "@ingot/api";
import type { Machine } from "@ingot/testkit/lab";
import { formatBytes } from "../cli/output.ts";
import type { Classroom, Seat } from "./classroom.ts";
import type { Narrator } from "./narrator.ts";
import { seenUp } from "./seen-up.ts";

const NOTE = "/root/note";

const SEATS: readonly (Seat & { readonly mode: "reset" | "persistent" })[] = [
  {
    name: "demo-bios",
    firmware: "bios",
    mac: "52:54:00:77:00:01",
    uuid: "77000001-0000-4000-8000-000000000001",
    mode: "reset",
  },
  {
    name: "demo-uefi",
    firmware: "uefi",
    mac: "52:54:00:77:00:02",
    uuid: "77000002-0000-4000-8000-000000000002",
    mode: "persistent",
  },
];

/** Two machines without disks, one BIOS and one UEFI; each boots an image over the network. */
export class DisklessMachines {
  readonly #classroom: Classroom;
  readonly #tell: Narrator;
  readonly #signal: AbortSignal;
  #running: readonly { readonly machine: Machine; readonly mode: "reset" | "persistent" }[] = [];

  private constructor(classroom: Classroom, tell: Narrator, signal: AbortSignal) {
    this.#classroom = classroom;
    this.#tell = tell;
    this.#signal = signal;
  }

  /** Makes them known to the server. */
  static async add(
    classroom: Classroom,
    image: string,
    tell: Narrator,
    signal: AbortSignal,
  ): Promise<DisklessMachines> {
    for (const { name, mac, mode } of SEATS) {
      const settings = ["--plan", "diskless", "--image", image, "--mode", mode];
      await classroom.ingot("machine", "add", "--name", name, "--mac", mac, ...settings);
    }
    return new DisklessMachines(classroom, tell, signal);
  }

  /** Boots both and changes a file on both. */
  async change(): Promise<void> {
    await this.#boot();
    for (const { machine } of this.#running) {
      await machine.runCommand(`echo "a change on ${machine.name}" > ${NOTE} && sync`, { signal: this.#signal });
      this.#tell.remark(`${machine.name}: wrote ${NOTE}`);
    }
    await this.#tellDisks();
  }

  /** Switches both off and on again, and checks which of them kept the change. */
  async bootAgain(): Promise<void> {
    const signal = this.#signal;
    await Promise.all(
      this.#running.map(({ machine }) =>
        machine
          .runCommand("sync; (sleep 1; poweroff -f) >/dev/null 2>&1 &", { signal })
          .then(() => machine.waitForPowerOff()),
      ),
    );
    await this.#boot();
    for (const { machine, mode } of this.#running) {
      const note = await machine.runCommand(`cat ${NOTE} 2>/dev/null`, { allowFailure: true, signal });
      const kept = note === `a change on ${machine.name}`;
      if (kept !== (mode === "persistent")) {
        throw new Error(
          `${machine.name} is in mode ${mode}, but its change is ${kept ? "still there" : "gone"} after the second boot`,
        );
      }
      this.#tell.remark(`${machine.name} (${mode}): its change is ${kept ? "kept" : "gone"}`);
    }
    await this.#tellDisks();
  }

  /** Boots every seat at once and waits for a shell on each; then the server, too, must have seen each machine come up. */
  async #boot(): Promise<void> {
    this.#running = await Promise.all(
      SEATS.map(async (seat) => {
        const machine = await this.#classroom.powerOn(seat);
        await machine.login({ timeoutMs: 400_000, signal: this.#signal });
        return { machine, mode: seat.mode };
      }),
    );
    for (const { machine } of this.#running) await seenUp(this.#classroom, machine.name, this.#signal);
  }

  async #tellDisks(): Promise<void> {
    for (const disk of await this.#classroom.api.list<Disk>("/api/v1/disks")) {
      this.#tell.remark(
        `${disk.machineName}: ${formatBytes(disk.overlayBytes)} of changes over ${disk.image.name}:${disk.image.version} (${formatBytes(disk.sizeBytes)}), mode ${disk.mode}`,
      );
    }
  }
}
