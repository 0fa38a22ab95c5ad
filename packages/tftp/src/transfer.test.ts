import { expect, test } from "vitest";
import { MAX_RETRANSMISSIONS } from "./limits.ts";
import { ReadTransfer } from "./transfer.ts";
import type { TransferAction, TransferEvent, TransferPlan } from "./transfer.ts";

interface PlanChanges {
  readonly sizeBytes?: number;
  readonly blksize?: number;
  readonly windowsize?: number;
  readonly timeoutMs?: number;
  readonly oack?: boolean;
  readonly tsizeAsked?: boolean;
}

function planOf(changes: PlanChanges): TransferPlan {
  const { sizeBytes = 2000, blksize = 512, windowsize = 1, timeoutMs, oack = false, tsizeAsked = false } = changes;
  return { sizeBytes, parameters: { blksize, windowsize, timeoutMs }, oack, tsizeAsked };
}

/** Actions in a few words: `data 1-4`, `oack`, `timer 1000`, `load 0+2000`, `error 0`, `end completed`. */
function format(action: TransferAction): string {
  switch (action.kind) {
    case "load":
      return `load ${action.offset}+${action.length}`;
    case "sendOack":
      return "oack";
    case "sendData":
      return `data ${action.firstBlock}-${action.firstBlock + action.blockCount - 1}`;
    case "sendError":
      return `error ${action.code}`;
    case "setTimer":
      return `timer ${action.delayMs}`;
    case "clearTimer":
      return "clear";
    case "end":
      return `end ${action.outcome.kind === "failed" ? action.outcome.reason : action.outcome.kind}`;
  }
}

function started(changes: PlanChanges): {
  transfer: ReadTransfer;
  on: (event: TransferEvent) => string;
  first: string;
} {
  const transfer = new ReadTransfer(planOf(changes));
  const text = (actions: readonly TransferAction[]): string => actions.map(format).join(", ");
  const first = text(transfer.start());
  return { transfer, first, on: (event) => text(transfer.receive(event)) };
}

const ack = (block: number): TransferEvent => ({ kind: "ack", block });
const timeout: TransferEvent = { kind: "timeout" };
const loaded: TransferEvent = { kind: "loaded" };

test("without options the first block is the first answer", () => {
  const { first, on, transfer } = started({ sizeBytes: 1000 });
  expect(first).toBe("load 0+1000");
  expect(on(loaded)).toBe("data 1-1, timer 1000");
  expect(on(ack(1))).toBe("clear, data 2-2, timer 1000");
  expect(on(ack(2))).toBe("clear, end completed");
  expect(transfer.ackedBytes).toBe(1000);
});

test("with options the OACK waits for ACK 0", () => {
  const { first, on } = started({ oack: true });
  expect(first).toBe("load 0+2000, oack, timer 1000");
  expect(on(loaded)).toBe("");
  expect(on(ack(1))).toBe("");
  expect(on(ack(0))).toBe("clear, data 1-1, timer 1000");
});

test.each([
  [0, 1],
  [1, 1],
  [511, 1],
  [512, 2],
  [513, 2],
  [1024, 3],
])("%d bytes are %d blocks", (sizeBytes, blockCount) => {
  expect(new ReadTransfer(planOf({ sizeBytes })).blockCount).toBe(blockCount);
});

test("a duplicate ACK sends nothing: no sorcerer's apprentice", () => {
  const { on } = started({});
  on(loaded);
  on(ack(1));
  expect(on(ack(1))).toBe("");
  expect(on(ack(0))).toBe("");
});

test("an ACK of a block that was not sent is ignored", () => {
  const { on } = started({});
  on(loaded);
  expect(on(ack(2))).toBe("");
  expect(on(ack(65_535))).toBe("");
});

test("a window is sent at once, the next one after its last ACK", () => {
  const { on } = started({ sizeBytes: 10_000, windowsize: 4, oack: true });
  on(loaded);
  expect(on(ack(0))).toBe("clear, data 1-4, timer 1000");
  expect(on(ack(4))).toBe("clear, data 5-8, timer 1000");
});

test("an ACK from within the window starts the next one behind the gap (RFC 7440 §4)", () => {
  const { on, transfer } = started({ sizeBytes: 10_000, windowsize: 4, oack: true });
  on(loaded);
  on(ack(0));
  expect(on(ack(2))).toBe("data 3-6, timer 1000");
  expect(transfer.retransmittedBlocks).toBe(2);
});

test("a repeated ACK tells of a lost first block once, and its echoes are ignored", () => {
  const { on } = started({ sizeBytes: 10_000, windowsize: 4, oack: true });
  on(loaded);
  on(ack(0));
  expect(on(ack(0))).toBe("data 1-4, timer 1000");
  expect(on(ack(0))).toBe("");
  expect(on(ack(4))).toBe("clear, data 5-8, timer 1000");
  expect(on(ack(4))).toBe("");
  expect(on(ack(8))).toBe("clear, data 9-12, timer 1000");
  expect(on(ack(8))).toBe("data 9-12, timer 1000");
});

test("a late ACK of the blocks before a gap moves on without sending them again", () => {
  const { on } = started({ sizeBytes: 10_000, windowsize: 4, oack: true });
  on(loaded);
  on(ack(0));
  expect(on(timeout)).toBe("data 1-4, timer 2000");
  expect(on(ack(4))).toBe("clear, data 5-8, timer 1000");
});

test("retransmissions come ever later, then the client is given up", () => {
  const { on } = started({});
  on(loaded);
  const timers = Array.from({ length: MAX_RETRANSMISSIONS }, () => on(timeout));
  expect(timers).toEqual([2000, 4000, 8000, 8000, 8000, 8000].map((delayMs) => `data 1-1, timer ${delayMs}`));
  expect(on(timeout)).toBe("error 0, clear, end timedOut");
  expect(on(ack(1))).toBe("");
});

test("an answer makes the client patient again", () => {
  const { on, transfer } = started({});
  on(loaded);
  on(timeout);
  expect(transfer.stalled).toBe(true);
  expect(on(ack(1))).toBe("clear, data 2-2, timer 1000");
  expect(transfer.stalled).toBe(false);
});

test("a time-out that was agreed does not grow (RFC 2349)", () => {
  const { on, first } = started({ oack: true, timeoutMs: 3000 });
  expect(first).toContain("oack, timer 3000");
  expect(on(timeout)).toBe("oack, timer 3000");
  expect(on(timeout)).toBe("oack, timer 3000");
});

test("UEFI aborts after it has learned the size: that is no failure", () => {
  const { on } = started({ oack: true, tsizeAsked: true });
  expect(on({ kind: "error", code: 8, message: "User aborted the transfer" })).toBe("clear, end probed");
});

test("a client may refuse the options (RFC 2347)", () => {
  const { on } = started({ oack: true });
  expect(on({ kind: "error", code: 8, message: "no" })).toBe("clear, end optionsRefused");
});

test("an error in the middle is a failure, even when the size was asked for", () => {
  const { on } = started({ oack: true, tsizeAsked: true });
  on(loaded);
  on(ack(0));
  expect(on({ kind: "error", code: 3, message: "disk full" })).toBe("clear, end aborted");
});

test("a repeated request repeats the first answer, but not once the client has gone on", () => {
  const withOptions = started({ oack: true });
  expect(withOptions.on({ kind: "repeated" })).toBe("oack, timer 1000");
  withOptions.on(loaded);
  withOptions.on(ack(0));
  expect(withOptions.on({ kind: "repeated" })).toBe("");
  const without = started({});
  expect(without.on({ kind: "repeated" })).toBe("");
  without.on(loaded);
  expect(without.on({ kind: "repeated" })).toBe("data 1-1, timer 1000");
  without.on(ack(1));
  expect(without.on({ kind: "repeated" })).toBe("");
});

test("the next part is loaded while the present one is sent, and no third one", () => {
  // 128 blocks of 512 bytes are a part.
  const { first, on } = started({ sizeBytes: 200_000 });
  expect(first).toBe("load 0+65536");
  expect(on(loaded)).toBe("load 65536+65536, data 1-1, timer 1000");
  expect(on(loaded)).toBe("");
  for (let block = 1; block < 128; block += 1) {
    expect(on(ack(block))).toBe(`clear, data ${block + 1}-${block + 1}, timer 1000`);
  }
  expect(on(ack(128))).toBe("clear, load 131072+65536, data 129-129, timer 1000");
});

test("a window goes on when the rest of it is loaded", () => {
  const { on } = started({ sizeBytes: 1_000_000, blksize: 16_384, windowsize: 4, oack: true });
  on(loaded);
  expect(on(ack(0))).toBe("clear, data 1-4, timer 1000");
  // The second part is still under way: nothing is outstanding, so no timer runs against the client.
  expect(on(ack(4))).toBe("clear");
  expect(on(loaded)).toBe("load 131072+65536, data 5-8, timer 1000");
});

test("an exact multiple of the part ends with an empty block that needs no bytes", () => {
  const { on } = started({ sizeBytes: 65_536, blksize: 65_536 / 2 });
  expect(on(loaded)).toBe("load 65536+0, data 1-1, timer 1000");
});

test("a file that cannot be read ends the transfer with an error", () => {
  const { on } = started({});
  expect(on({ kind: "loadFailed", message: "EIO" })).toBe("error 0, clear, end readFailed");
  expect(on(loaded)).toBe("");
});

test("a server that closes tells the client, a client that has gone is told nothing", () => {
  expect(started({}).on({ kind: "gone", reason: "serverClosed" })).toBe("error 0, clear, end serverClosed");
  expect(started({}).on({ kind: "gone", reason: "peerGone" })).toBe("clear, end peerGone");
});

test("block numbers go on at 0 after 65535", () => {
  const { on, transfer } = started({ sizeBytes: 70_000 * 512, windowsize: 8, oack: true });
  on(loaded);
  on(loaded);
  on(ack(0));
  let ended = "";
  for (let acked = 8; !ended.includes("end"); acked = Math.min(acked + 8, transfer.blockCount)) {
    ended = on(ack(acked & 0xffff));
    if (ended.includes("load")) {
      on(loaded);
    }
    // ACKs of the round before must not be taken for ACKs of this one.
    expect(on(ack((acked + 30_000) & 0xffff))).toBe("");
  }
  expect(ended).toBe("clear, end completed");
  expect(transfer.retransmittedBlocks).toBe(0);
});
