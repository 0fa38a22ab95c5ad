import { styleText } from "node:util";
import type { BootStageEntry, BootTimeline, LiveMessage, Task, TaskProgress, TaskState } from "@ingot/api";
import { formatBytes } from "../cli/output.ts";

const BAR_COLUMNS = 20;

/** Tells on the terminal what is going on: headings, remarks, each machine's boot stage by stage, and how tasks go on. */
export class Narrator {
  readonly #json: boolean;
  readonly #startedAt = performance.now();
  /** Stages already told, by machine and boot. */
  readonly #told = new Map<string, number>();
  readonly #bytesTold = new Map<string, number>();
  /** What was told last of each task: its state, and its share in steps of a bar's column. */
  readonly #tasksTold = new Map<string, { readonly state: TaskState; readonly columns: number }>();

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
    if (message.type === "task") return this.#task(message.task);
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

  /** Every change of its state, and while its disk is filled a line for every tenth. */
  #task(task: Task): void {
    const { state, progress } = task;
    const share = progress.totalBytes === 0 ? 0 : progress.doneBytes / progress.totalBytes;
    const columns = Math.floor(share * BAR_COLUMNS);
    const told = this.#tasksTold.get(task.id);
    const isStep = state === "filling" && columns >= (told?.columns ?? 0) + BAR_COLUMNS / 10;
    if (told?.state === state && !isStep) return;
    this.#tasksTold.set(task.id, { state, columns });
    if (this.#json) return this.#line({ machine: task.machineName, task: task.id, state, progress, note: task.note });
    const detail = state === "filling" && progress.totalBytes > 0 ? describeFilling(progress, share) : task.reason;
    process.stdout.write(
      `${this.#clock()}  ${task.machineName.padEnd(10)} ${styleText("cyan", state.padEnd(9))}  ${detail}\n`,
    );
  }

  #clock(): string {
    return styleText("dim", `${((performance.now() - this.#startedAt) / 1000).toFixed(0).padStart(4)} s`);
  }

  #line(value: object): void {
    process.stdout.write(`${JSON.stringify(value)}\n`);
  }
}

/** `[##########..........] 50 %  136 MiB of 271 MiB, 4.2 MiB/s` */
function describeFilling({ doneBytes, totalBytes, bytesPerSecond }: TaskProgress, share: number): string {
  const columns = Math.floor(share * BAR_COLUMNS);
  const bar = `${"#".repeat(columns)}${".".repeat(BAR_COLUMNS - columns)}`;
  const numbers = `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}, ${formatBytes(bytesPerSecond)}/s`;
  return `[${bar}] ${Math.floor(share * 100)} %  ${numbers}`;
}
