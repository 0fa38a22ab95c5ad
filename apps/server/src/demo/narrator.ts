import { styleText } from "node:util";
import type { BootStageEntry, BootTimeline, LiveMessage } from "@ingot/api";
import { formatBytes } from "../cli/output.ts";

/** Tells on the terminal what is going on: headings, remarks, and each machine's boot stage by stage. */
export class Narrator {
  readonly #json: boolean;
  readonly #startedAt = performance.now();
  /** Stages already told, by machine and boot. */
  readonly #told = new Map<string, number>();
  readonly #bytesTold = new Map<string, number>();

  /** @param json one JSON object per line instead of sentences */
  constructor(json: boolean) {
    this.#json = json;
  }

  heading(text: string): void {
    if (this.#json) this.#line({ step: text });
    else process.stdout.write(`\n${styleText("bold", text)}\n`);
  }

  remark(text: string): void {
    if (this.#json) this.#line({ remark: text });
    else process.stdout.write(`${this.#clock()}  ${text}\n`);
  }

  /** Tells what is new in a message of the live stream. */
  follow(message: LiveMessage): void {
    if (message.type !== "machine" || message.machine.boot === undefined) return;
    const { name, boot } = message.machine;
    const key = `${name} ${boot.bootId}`;
    const told = this.#told.get(key) ?? 0;
    for (const stage of boot.stages.slice(told)) this.#stage(name, boot, stage);
    this.#told.set(key, boot.stages.length);
    this.#bytes(key, name, boot);
  }

  #stage(name: string, boot: BootTimeline, stage: BootStageEntry): void {
    if (this.#json) return this.#line({ machine: name, boot: boot.bootId, ...stage });
    const seconds = ((Date.parse(stage.at) - Date.parse(boot.startedAt)) / 1000).toFixed(1);
    const colour = stage.stage === "failed" ? "red" : stage.stage === "up" ? "green" : "cyan";
    process.stdout.write(
      `${this.#clock()}  ${name.padEnd(10)} +${seconds.padStart(5)} s  ${styleText(colour, stage.stage.padEnd(6))}  ${stage.detail ?? ""}\n`.replace(
        / +\n/,
        "\n",
      ),
    );
  }

  /** Every 16 MiB that a machine has read. */
  #bytes(key: string, name: string, boot: BootTimeline): void {
    const step = Math.floor(boot.bytesRead / (16 << 20));
    if (step <= (this.#bytesTold.get(key) ?? 0)) return;
    this.#bytesTold.set(key, step);
    if (this.#json)
      return this.#line({
        machine: name,
        boot: boot.bootId,
        bytesRead: boot.bytesRead,
        bytesWritten: boot.bytesWritten,
      });
    process.stdout.write(
      `${this.#clock()}  ${name.padEnd(10)} ${styleText("dim", `${formatBytes(boot.bytesRead)} read, ${formatBytes(boot.bytesWritten)} written`)}\n`,
    );
  }

  #clock(): string {
    return styleText("dim", `${((performance.now() - this.#startedAt) / 1000).toFixed(0).padStart(4)} s`);
  }

  #line(value: object): void {
    process.stdout.write(`${JSON.stringify(value)}\n`);
  }
}
