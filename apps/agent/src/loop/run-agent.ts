import { hostname, networkInterfaces } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { AgentInventory, HeartbeatRequest } from "@ingot/api";
import { interruptSignal } from "../cli/common.ts";
import type { RunOptions } from "../cli/run-command.ts";
import type { Session } from "../client/session.ts";
import { AgentError, messageOf } from "../errors.ts";
import { HEARTBEAT_MS } from "../limits.ts";
import { type Inventory, readInventory } from "../inventory/inventory.ts";
import { reportOf } from "../inventory/report.ts";
import { describeFinding, readFindings } from "../preflight/findings.ts";
import { Face } from "../screen/face.ts";
import { parseKernelCommandLine } from "../state/kernel-command-line.ts";
import { defaultStateFolder, StateFolder } from "../state/state-folder.ts";
import { type Programs, systemPrograms } from "../system/programs.ts";
import { RootedFiles, type SystemFiles } from "../system/system-files.ts";
import { runTask, titleOf } from "../tasks/run-task.ts";
import {
  INITIAL_LOOP,
  type LoopAction,
  type LoopEvent,
  type LoopState,
  stepLoop,
  type WorkTask,
} from "./agent-loop.ts";
import { enrol } from "./enrol.ts";
import { goDown } from "./go-down.ts";
import { startFromNetworkNext } from "./network-boot.ts";
import { restartOwnSystem } from "./restart-own-system.ts";

const MIB = 2 ** 20;
/** Of a machine's memory this part keeps compressed chunks for others, within these bounds. */
const CACHE_SHARE = 8;
const MIN_CACHE_BYTES = 16 * MIB;
const MAX_CACHE_BYTES = 512 * MIB;
const MAX_THREADS = 4;
/** A machine that is still there after this long was not restarted. */
const RESTART_TAKES_MS = 5 * 60_000;

/** What the agent finds around it; tests give another machine. */
export interface Surroundings {
  readonly files: SystemFiles;
  readonly programs: Programs;
  readonly inventory: (signal: AbortSignal) => Promise<Inventory>;
}

const THIS_MACHINE: Surroundings = {
  files: new RootedFiles(),
  programs: systemPrograms,
  inventory: (signal) => readInventory(new RootedFiles(), systemPrograms, networkInterfaces(), signal),
};

/** Enrols this machine and does its tasks until it is interrupted or goes down. */
export async function runAgent(
  options: RunOptions,
  { files, programs, inventory: takeInventory }: Surroundings = THIS_MACHINE,
  signal: AbortSignal = interruptSignal(),
): Promise<void> {
  const isRam = options.ram === true || isInMemory(files);
  const boot = parseKernelCommandLine(files.readText("/proc/cmdline") ?? "");
  const state = await StateFolder.open(options.state ?? (isRam ? "/run/ingot" : defaultStateFolder(process.env)));
  const face = new Face(options.screen ?? [], options.server ?? boot.server ?? "");
  const inventory = (): Promise<Inventory> => takeInventory(signal);
  try {
    const first = await inventory();
    face.update({ machine: first.dmi.serial ?? hostname(), addresses: addressesOf(first) });
    const session = await enrol(
      options,
      boot,
      state,
      face,
      signal,
      () => reportWithSignatures(first, isRam),
      computerOf(first),
    );
    face.update({
      machine: session.machineName ?? hostname(),
      server: session.client.address.url,
      code: undefined,
      error: undefined,
      notice: "waiting for a task",
    });
    await new AgentRunner(
      session,
      face,
      programs,
      inventory,
      first,
      isRam,
      isRam || options.power === true,
      signal,
    ).run();
  } finally {
    face.close();
  }
}

/** Carries out what `stepLoop` decides. */
class AgentRunner {
  readonly #session: Session;
  readonly #face: Face;
  readonly #programs: Programs;
  readonly #inventory: () => Promise<Inventory>;
  readonly #machine: { readonly threads: number; readonly cacheBytes: number; readonly addresses: readonly string[] };
  readonly #isRam: boolean;
  readonly #mayGoDown: boolean;
  readonly #signal: AbortSignal;
  readonly #done: PromiseWithResolvers<void> = Promise.withResolvers();
  #state: LoopState = INITIAL_LOOP;
  #timer: NodeJS.Timeout | undefined;
  #asking = false;
  #running: { readonly taskId: string; readonly stop: AbortController; readonly ended: Promise<void> } | undefined;

  constructor(
    session: Session,
    face: Face,
    programs: Programs,
    inventory: () => Promise<Inventory>,
    first: Inventory,
    isRam: boolean,
    mayGoDown: boolean,
    signal: AbortSignal,
  ) {
    this.#session = session;
    this.#face = face;
    this.#programs = programs;
    this.#inventory = inventory;
    this.#isRam = isRam;
    this.#mayGoDown = mayGoDown;
    this.#signal = signal;
    const share = Math.floor(first.processor.memoryBytes / CACHE_SHARE);
    const addresses = addressesOf(first);
    this.#machine = {
      threads: Math.max(1, Math.min(MAX_THREADS, first.processor.threads)),
      cacheBytes: Math.min(MAX_CACHE_BYTES, Math.max(MIN_CACHE_BYTES, share)),
      addresses: addresses.length > 1 ? addresses : [],
    };
  }

  /** Until interrupted; a running task is stopped and remembers what it verified. */
  async run(): Promise<void> {
    this.#heartbeatIn(0);
    this.#signal.addEventListener("abort", () => this.#done.resolve(), { once: true });
    if (this.#signal.aborted) this.#done.resolve();
    await this.#done.promise;
    clearTimeout(this.#timer);
    this.#running?.stop.abort(new DOMException("the agent ends", "AbortError"));
    await this.#running?.ended;
    await this.#sayGoodbye();
    this.#session.client.close();
  }

  #dispatch(event: LoopEvent): void {
    const { state, actions } = stepLoop(this.#state, event);
    this.#state = state;
    for (const action of actions) this.#perform(action);
  }

  #perform(action: LoopAction): void {
    switch (action.kind) {
      case "start":
        this.#start(action.task);
        return;
      case "stop":
        this.#face.update({ notice: `stopping: ${action.reason}` });
        this.#running?.stop.abort(new DOMException(`the server stopped it: ${action.reason}`, "AbortError"));
        return;
      case "heartbeat":
        this.#heartbeatIn(action.afterMs);
        return;
      case "notice":
        this.#face.update({ notice: action.text });
        return;
      case "leave":
        this.#leave(action.how).catch((error: unknown) => this.#done.reject(error));
        return;
      case "restart":
        this.#restart(action.reason).catch((error: unknown) => this.#done.reject(error));
    }
  }

  #heartbeatIn(afterMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#heartbeat(), afterMs);
  }

  async #heartbeat(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const { task } = this.#state;
    const request: HeartbeatRequest = {
      ...(task === undefined ? { state: "idle" } : { state: "working", taskId: task.taskId }),
      mayRestart: this.#mayGoDown,
    };
    try {
      const answer = await this.#session.client.heartbeat(request, this.#signal);
      this.#dispatch({ kind: "answered", answer });
    } catch (error) {
      if (this.#signal.aborted) return;
      // Who is refused has to enrol again, which whoever started the agent does by starting it again. What it was at ends first: somebody
      // decided against this machine, or two computers say that they are it, and nothing more is to be written.
      if (error instanceof AgentError && error.code === "refused")
        this.#running?.stop.abort(new DOMException(messageOf(error), "AbortError"));
      const isOver =
        !(error instanceof AgentError) ||
        error.code === "wrong-server" ||
        (error.code === "refused" && this.#running === undefined);
      if (isOver) {
        this.#done.reject(error);
        return;
      }
      this.#dispatch({ kind: "unanswered", message: messageOf(error), random: Math.random() });
    } finally {
      this.#asking = false;
    }
  }

  #start(task: WorkTask): void {
    const stop = new AbortController();
    const { taskId } = task;
    const title = titleOf(task);
    this.#face.update({ error: undefined, notice: `beginning: ${title}` });
    let disk: string | undefined;
    let shown: string | undefined;
    const ended = runTask(
      {
        session: this.#session,
        programs: this.#programs,
        inventory: this.#inventory,
        machine: this.#machine,
        signal: stop.signal,
        onStop: (reason) => this.#dispatch({ kind: "told-to-stop", taskId, reason }),
        onChange: (state, progress, note) => {
          this.#face.update({ task: { title, state, disk, progress } });
          // What was said of the state before does not hold for this one.
          if (note !== undefined || state !== shown) this.#face.update({ notice: note });
          shown = state;
        },
        onDisk: (description) => {
          disk = description;
        },
        onFailure: (error) => this.#face.update({ error, task: undefined }),
      },
      task,
    ).then(
      (outcome) => {
        this.#running = undefined;
        const notice = { done: `${title}: done`, failed: `${title}: failed`, stopped: `${title}: stopped` }[outcome];
        this.#face.update({ task: undefined, notice });
        this.#dispatch({ kind: "ended", taskId, outcome });
      },
      (error: unknown) => this.#done.reject(error),
    );
    this.#running = { taskId, stop, ended };
  }

  async #leave(how: "reboot" | "poweroff"): Promise<void> {
    if (!this.#mayGoDown) {
      this.#face.update({ notice: `the server wants a ${how}; start the agent with --power to allow it` });
      this.#dispatch({ kind: "stayed", afterMs: HEARTBEAT_MS });
      return;
    }
    this.#face.update({ notice: how === "reboot" ? "restarting" : "switching off" });
    await this.#sayGoodbye();
    await goDown(this.#programs, how, this.#isRam);
    this.#done.resolve();
  }

  /** Restarts the machine's own system for a job. A shutdown that people are warned of can be called off; then the machine is there again. */
  async #restart(reason: string): Promise<void> {
    const { firmware, nics } = await this.#inventory();
    const next = await startFromNetworkNext(
      this.#programs,
      firmware,
      nics.map((nic) => nic.mac),
    );
    await this.#sayGoodbye();
    try {
      const done = await restartOwnSystem(this.#programs, reason);
      this.#face.update({ notice: `${done}: ${reason}; ${next}` });
      await sleep(RESTART_TAKES_MS, undefined, { signal: this.#signal });
    } catch (error) {
      if (this.#signal.aborted) return;
      this.#face.update({ error: `cannot restart: ${messageOf(error)}` });
    }
    this.#dispatch({ kind: "stayed", afterMs: 0 });
  }

  /** So that whoever comes next in this machine's name is no clash. Only a courtesy. */
  async #sayGoodbye(): Promise<void> {
    try {
      await this.#session.client.heartbeat({ state: "leaving" }, AbortSignal.timeout(3000));
    } catch (error) {
      if (!(error instanceof AgentError) && !(error instanceof DOMException)) throw error;
    }
  }
}

/** The inventory as the server gets it, with what stands on each disk. */
async function reportWithSignatures(inventory: Inventory, isRam: boolean): Promise<AgentInventory> {
  const disks = await Promise.all(
    inventory.disks.map(async (disk) => {
      try {
        return { ...disk, signatures: (await readFindings(disk)).map(describeFinding) };
      } catch (error) {
        // A disk that cannot be read stands in the inventory all the same; a task that means it will say why.
        if (!(error instanceof Error && "errno" in error)) throw error;
        return { ...disk, signatures: ["unreadable"] };
      }
    }),
  );
  return reportOf({ ...inventory, disks }, isRam ? "ram" : "installed", hostname(), process.arch);
}

/** What tells a computer from a copy of its disk in another one: the board's facts, and where there are none the network cards. */
function computerOf({ dmi, nics }: Inventory): string {
  const board = [dmi.uuid, dmi.serial, dmi.boardSerial].filter((fact) => fact !== undefined);
  return board.length > 0 ? board.join(" ") : nics.map((nic) => nic.mac).join(" ");
}

/** The root file system of a system that was loaded into memory. */
function isInMemory(files: SystemFiles): boolean {
  return /^\d+ \d+ \S+ \/ \/ [^\n]* - (rootfs|ramfs|tmpfs) /m.test(files.readText("/proc/self/mountinfo") ?? "");
}

function addressesOf(inventory: Inventory): readonly string[] {
  return inventory.nics.filter((nic) => nic.link).flatMap((nic) => nic.addresses);
}
