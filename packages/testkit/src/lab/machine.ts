import { constants } from "node:fs";
import { copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LabError } from "./errors.ts";
import type { Lab } from "./lab.ts";
import type { LabProcess } from "./lab-process.ts";
import { diskDevice, machineArguments, type MachineFiles, type MachineHardware } from "./machine-arguments.ts";
import { connectUnix, Monitor } from "./monitor.ts";
import type { Namespace } from "./namespace.ts";
import { stripControlSequences } from "./terminal.ts";
import { requireTools } from "./tools.ts";
import { Transcript, type Match, type WaitOptions } from "./transcript.ts";

/** A virtual machine and where it runs. */
export interface MachineOptions extends MachineHardware {
  readonly lab: Lab;
  readonly namespace: Namespace;
  /**
   * Where the serial log `NAME.log` and the firmware's variables `NAME.vars` are kept; variables that are there already are
   * used on, as a machine that is switched on again does. Default: a temporary directory that goes with the machine.
   */
  readonly directory?: string;
  /** Directory of Debian's OVMF files; default "/usr/share/OVMF". */
  readonly firmwareDirectory?: string;
}

/** Options of a command typed into the machine's shell. */
export interface ShellOptions extends WaitOptions {
  /** Resolve with any status instead of throwing "commandFailed". */
  readonly allowFailure?: boolean;
}

/** A running virtual machine: its console, its shell over the console, its power. */
export class Machine implements AsyncDisposable {
  readonly name: string;
  readonly mac: string;
  /** Everything that came from the serial port, control sequences of terminals removed. */
  readonly console: Transcript;
  /** The same as it came, in a file. */
  readonly serialLog: string;
  readonly monitor: Monitor;
  readonly #process: LabProcess;
  readonly #serial: Socket;
  readonly #afterEnd: () => Promise<void>;
  #commandCount = 0;
  #closed: Promise<void> | undefined;

  /** Used by `startMachine`. */
  constructor(parts: {
    readonly hardware: MachineHardware;
    readonly files: MachineFiles;
    readonly process: LabProcess;
    readonly monitor: Monitor;
    readonly serial: Socket;
    readonly afterEnd: () => Promise<void>;
  }) {
    this.name = parts.hardware.name;
    this.mac = parts.hardware.mac;
    this.serialLog = parts.files.serialLog;
    this.monitor = parts.monitor;
    this.console = new Transcript(`console of ${this.name}`);
    this.#process = parts.process;
    this.#serial = parts.serial;
    this.#afterEnd = parts.afterEnd;
    // Latin-1, because firmware draws with single bytes and a character may be split between two packets.
    let partial = "";
    this.#serial.setEncoding("latin1").on("data", (text: string) => {
      const [plain, rest] = stripControlSequences(partial + text);
      partial = rest;
      this.console.append(plain);
    });
    this.#process.ended.then(
      (end) => this.console.end(`QEMU ended with ${end.signal ?? `status ${end.code}`} ${end.stderr.trim()}`.trim()),
      (error: unknown) => this.console.end(String(error)),
    );
  }

  /** False once the machine is off. */
  get running(): boolean {
    return this.#process.running;
  }

  /** Waits for text on the serial console; see `Transcript.waitFor`. */
  waitForSerial(pattern: string | RegExp, options?: WaitOptions): Promise<Match> {
    return this.console.waitFor(pattern, options);
  }

  /**
   * Types on the serial console; "\n" is Enter. A BIOS keeps 15 keys that nothing has read yet and drops the rest, so
   * longer texts suit operating systems only.
   */
  type(text: string): void {
    this.#serial.write(text.replaceAll("\n", "\r"), "latin1");
  }

  /**
   * Waits for the login prompt, logs in (without a password, as the demo image allows) and makes the shell quiet, so that
   * `runCommand` works. Default wait 180 s for the prompt.
   */
  async login(options: WaitOptions & { readonly user?: string } = {}): Promise<void> {
    const { user = "root", timeoutMs = 180_000, ...rest } = options;
    await this.waitForSerial(/login: ?$/m, { timeoutMs, ...rest });
    this.type(`${user}\n`);
    // A shell starts in a second, or in minutes where many machines share few processors.
    await this.waitForSerial(/[#$] ?$/, { timeoutMs: 180_000, ...rest });
    // Each shell discards what is typed before it is ready.
    this.type("exec env PS1='# ' PS2= sh\n");
    await this.waitForSerial(/^# $/m, { timeoutMs: 30_000, ...rest });
    this.type("stty -echo cols 500; echo shell-''ready\n");
    await this.waitForSerial("shell-ready", { timeoutMs: 30_000, ...rest });
  }

  /**
   * Runs one command in the shell that `login` opened and resolves with what it printed, both streams, trimmed.
   * Throws `LabError` "commandFailed" for a non-zero status, "timeout" after `timeoutMs` (default 60 s). One at a time.
   */
  async runCommand(command: string, options: ShellOptions = {}): Promise<string> {
    const { allowFailure = false, timeoutMs = 60_000, ...rest } = options;
    const mark = `ingot-${++this.#commandCount}`;
    this.console.skipToEnd();
    this.type(`echo ${mark}-begin; { ${command}\n} 2>&1; echo "${mark}-end $?"\n`);
    const begin = await this.waitForSerial(`${mark}-begin`, { timeoutMs, ...rest });
    const end = await this.waitForSerial(new RegExp(`${mark}-end (\\d+)`), { timeoutMs, ...rest });
    const output = this.console.text.slice(begin.end, end.start).trim();
    const status = Number(end.groups[1]);
    if (status !== 0 && !allowFailure) {
      throw new LabError("commandFailed", `${this.name}: ${command}: status ${status}: ${output}`);
    }
    return output;
  }

  /** Presses the power button and waits until the machine is off (default 90 s); the guest must listen to it. */
  async acpiShutdown(options: WaitOptions = {}): Promise<void> {
    await this.monitor.execute("system_powerdown");
    await this.waitForPowerOff(options);
  }

  /** Waits until the machine is off, as after the guest's own `poweroff`; default 90 s. */
  async waitForPowerOff(options: WaitOptions = {}): Promise<void> {
    const { timeoutMs = 90_000 } = options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const message = `${this.name} is still on after ${timeoutMs} ms; last text:\n${this.console.tail()}`;
      timer = setTimeout(() => reject(new LabError("timeout", message)), timeoutMs);
      options.signal?.addEventListener("abort", () => reject(new LabError("timeout", "waiting was given up")));
    });
    try {
      await Promise.race([this.#process.ended, late]);
    } finally {
      clearTimeout(timer);
    }
    await this.close();
  }

  /** Presses the reset button. */
  async reset(): Promise<void> {
    await this.monitor.execute("system_reset");
  }

  /** Pulls the plug: nothing is written that was not written yet. Idempotent. */
  powerOff(): Promise<void> {
    return this.close();
  }

  /** Pulls a disk out of the running machine, by its number. The guest may hold on to a PCI device for a moment. */
  async unplugDisk(index: number): Promise<void> {
    await this.monitor.execute("device_del", { id: diskDevice(index) });
  }

  /** Writes a PNG of the screen. */
  async screenshot(file: string): Promise<void> {
    await this.monitor.execute("screendump", { filename: file, format: "png" });
  }

  /** Same as `powerOff`. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    if (this.#process.running) this.#process.child.kill("SIGKILL");
    await this.#process.ended;
    this.#serial.destroy();
    this.monitor.close();
    await this.#afterEnd();
  }
}

/**
 * Switches a virtual machine on. It ends with its lab.
 * Throws `LabError` "missingTool" (QEMU, OVMF), or "ended" with QEMU's own words when QEMU refuses its arguments.
 */
export async function startMachine(options: MachineOptions): Promise<Machine> {
  requireTools(["qemu-system-x86_64"]);
  const runDirectory = await mkdtemp(join(tmpdir(), "ingot-machine-"));
  const directory = options.directory ?? runDirectory;
  await mkdir(directory, { recursive: true });
  const files: MachineFiles = {
    serialSocket: join(runDirectory, "serial"),
    serialLog: join(directory, `${options.name}.log`),
    monitorSocket: join(runDirectory, "monitor"),
    ...(options.firmware === "uefi" ? await firmwareFiles(options, directory) : {}),
  };
  const running = options.namespace.spawn("qemu-system-x86_64", machineArguments(options, files));
  try {
    const serial = await connectUnix(files.serialSocket, () => running.running);
    const monitor = await Monitor.open(await connectUnix(files.monitorSocket, () => running.running));
    const withdraw = options.lab.onClose(() => machine.close());
    const machine = new Machine({
      hardware: options,
      files,
      process: running,
      monitor,
      serial,
      afterEnd: async () => {
        withdraw();
        await rm(runDirectory, { recursive: true, force: true });
      },
    });
    await monitor.execute("cont");
    return machine;
  } catch (cause) {
    running.child.kill("SIGKILL");
    const { stderr } = await running.ended;
    await rm(runDirectory, { recursive: true, force: true });
    throw new LabError("ended", `QEMU did not start machine ${options.name}: ${stderr.trim()}`, { cause });
  }
}

async function firmwareFiles(
  options: MachineOptions,
  directory: string,
): Promise<Pick<MachineFiles, "firmwareCode" | "firmwareVariables">> {
  const from = options.firmwareDirectory ?? "/usr/share/OVMF";
  const firmwareVariables = join(directory, `${options.name}.vars`);
  try {
    await copyFile(join(from, "OVMF_VARS_4M.fd"), firmwareVariables, constants.COPYFILE_EXCL);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "ENOENT") {
      throw new LabError("missingTool", `no OVMF firmware in ${from}; install with: apt-get install ovmf`, { cause });
    }
    if (code !== "EEXIST") throw cause;
  }
  return { firmwareCode: join(from, "OVMF_CODE_4M.fd"), firmwareVariables };
}
