/**
 * What a machine asked of its disk while it booted, in the order in which it asked; the format stands in README.md of this
 * directory.
 */

/** A login: the machine's firmware has one session, its operating system another. */
export interface TraceLogin {
  readonly kind: "login";
  /** Microseconds since the trace began. */
  readonly atUs: number;
  /** Microseconds until the login was answered. */
  readonly durationUs: number;
  /** MaxRecvDataSegmentLength that the initiator declared: the largest Data-In it takes. */
  readonly maxRecvDataSegmentLength: number;
}

/** A read or a write. */
export interface TraceTransfer {
  readonly kind: "read" | "write";
  readonly atUs: number;
  readonly durationUs: number;
  readonly lba: number;
  readonly blocks: number;
}

/** SYNCHRONIZE CACHE. */
export interface TraceFlush {
  readonly kind: "flush";
  readonly atUs: number;
  readonly durationUs: number;
}

/** One line of a trace. */
export type TraceCommand = TraceLogin | TraceTransfer | TraceFlush;

/** A recorded boot. */
export interface BlockTrace {
  /** Which machine, which firmware, which system; one line. */
  readonly about: string;
  readonly diskBytes: number;
  /** Ascending by `atUs`; begins with a login. */
  readonly commands: readonly TraceCommand[];
}

/** Size of a logical block: LBAs count these. */
export const BLOCK_BYTES = 512;

const FIRST_LINE = "ingot block trace 1";
const LETTERS = { login: "L", read: "R", write: "W", flush: "F" } as const;

/** The text of a trace, not compressed. */
export function formatTrace(trace: BlockTrace): string {
  const lines = trace.commands.map((command) => {
    const start = `${LETTERS[command.kind]} ${command.atUs} ${command.durationUs}`;
    switch (command.kind) {
      case "login":
        return `${start} ${command.maxRecvDataSegmentLength}`;
      case "flush":
        return start;
      case "read":
      case "write":
        return `${start} ${command.lba} ${command.blocks}`;
    }
  });
  return `${[FIRST_LINE, `about ${trace.about}`, `disk ${trace.diskBytes}`, ...lines].join("\n")}\n`;
}

/** Reads what `formatTrace` wrote. Throws an Error that names the line. */
export function parseTrace(text: string): BlockTrace {
  const [first, about = "", disk = "", ...lines] = text.trimEnd().split("\n");
  if (first !== FIRST_LINE || !about.startsWith("about ") || !/^disk \d+$/.test(disk)) {
    throw new Error(
      `block trace: got ${JSON.stringify(first)}, expected ${JSON.stringify(FIRST_LINE)}, about and disk`,
    );
  }
  const diskBytes = Number(disk.slice("disk ".length));
  const commands = lines.map((line, index) => parseCommand(line, index + 4, diskBytes));
  for (const [index, command] of commands.entries()) {
    const before = commands[index - 1];
    if (before === undefined ? command.kind === "login" : before.atUs <= command.atUs) continue;
    throw new Error(`block trace: line ${index + 4} is out of order, or is the first and no login`);
  }
  return { about: about.slice("about ".length), diskBytes, commands };
}

function parseCommand(line: string, number: number, diskBytes: number): TraceCommand {
  const [letter, ...words] = line.split(" ");
  const [atUs = 0, durationUs = 0, third = 0, fourth = 0] = words.map(Number);
  const isWhole = words.every((word) => /^\d+$/.test(word));
  if (isWhole && letter === LETTERS.flush && words.length === 2) return { kind: "flush", atUs, durationUs };
  if (isWhole && letter === LETTERS.login && words.length === 3) {
    return { kind: "login", atUs, durationUs, maxRecvDataSegmentLength: third };
  }
  const isInside = fourth > 0 && (third + fourth) * BLOCK_BYTES <= diskBytes;
  if (isWhole && words.length === 4 && isInside && (letter === LETTERS.read || letter === LETTERS.write)) {
    return { kind: letter === LETTERS.read ? "read" : "write", atUs, durationUs, lba: third, blocks: fourth };
  }
  throw new Error(`block trace: line ${number} is ${JSON.stringify(line)}, expected a login, read, write or flush`);
}

/** Sums over a trace. */
export interface TraceSums {
  readonly reads: number;
  readonly readBytes: number;
  readonly writes: number;
  readonly writtenBytes: number;
  readonly flushes: number;
  /** From the first command to the last answer. */
  readonly seconds: number;
}

/** What a trace amounts to. */
export function sumTrace(trace: BlockTrace): TraceSums {
  const sums = { reads: 0, readBytes: 0, writes: 0, writtenBytes: 0, flushes: 0, seconds: 0 };
  for (const command of trace.commands) {
    sums.seconds = Math.max(sums.seconds, (command.atUs + command.durationUs) / 1e6);
    if (command.kind === "flush") sums.flushes += 1;
    if (command.kind === "read") {
      sums.reads += 1;
      sums.readBytes += command.blocks * BLOCK_BYTES;
    }
    if (command.kind === "write") {
      sums.writes += 1;
      sums.writtenBytes += command.blocks * BLOCK_BYTES;
    }
  }
  return sums;
}

/** A pause this long, once the operating system runs, is the end of its boot. */
const QUIET_US = 5_000_000;

/** The boot alone: without what the machine wrote back and did later. */
export function bootOf(trace: BlockTrace): BlockTrace {
  const { commands } = trace;
  const lastLogin = commands.findLastIndex(({ kind }) => kind === "login");
  const end = commands.findIndex((command, index) => {
    const before = commands[index - 1];
    return index > lastLogin && before !== undefined && command.atUs - (before.atUs + before.durationUs) > QUIET_US;
  });
  return { ...trace, commands: end === -1 ? commands : commands.slice(0, end) };
}
