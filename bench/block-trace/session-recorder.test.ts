import { expect, test } from "vitest";
import { loginRequest, LoginFlags, pdu } from "../../packages/iscsi/test/initiator.ts";
import type { TraceCommand } from "./block-trace.ts";
import { SessionRecorder } from "./session-recorder.ts";

/** A PDU from a target, as far as a recorder looks at it. */
function answer(opcode: number, flags: number, itt: number, dataBytes = 0): Buffer {
  const bytes = Buffer.alloc(48 + ((dataBytes + 3) & ~3));
  bytes[0] = opcode;
  bytes[1] = flags;
  bytes.writeUIntBE(dataBytes, 5, 3);
  bytes.writeUInt32BE(itt, 16);
  return bytes;
}

const SENT = Buffer.concat([
  loginRequest(LoginFlags.operationalToFullFeature, ["MaxRecvDataSegmentLength=8192"]),
  pdu("scsiCommand", { itt: 1, cdb: [0x28, 0, 0, 0, 0, 64, 0, 0, 8] }),
  pdu("scsiCommand", { itt: 2, cdb: [0x12, 0, 0, 0, 64, 0] }),
  pdu("scsiCommand", { itt: 3, cdb: [0x2a, 0, 0, 0, 1, 0, 0, 0, 16], data: new Uint8Array(8192) }),
  pdu("scsiCommand", { itt: 4, cdb: [0x35] }),
  pdu("scsiCommand", { itt: 5, cdb: [0x88, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0] }),
]);
const RECEIVED = Buffer.concat([
  answer(0x23, 0x87, 1, 12),
  answer(0x25, 0, 1, 2048),
  answer(0x25, 0x81, 1, 2048),
  answer(0x25, 0x81, 2, 64),
  answer(0x21, 0x80, 4),
  answer(0x21, 0x80, 3),
  answer(0x25, 0x80, 5, 1024),
  answer(0x21, 0x80, 5),
]);

test.each([1, 7, 48, 100, 100_000])("logins, reads, writes and flushes are noted, in pieces of %i bytes", (size) => {
  let clock = 0;
  const noted: TraceCommand[] = [];
  const recorder = new SessionRecorder(
    () => ++clock,
    (command) => noted.push(command),
  );
  for (let at = 0; at < SENT.length; at += size) recorder.fromInitiator(SENT.subarray(at, at + size));
  for (let at = 0; at < RECEIVED.length; at += size) recorder.fromTarget(RECEIVED.subarray(at, at + size));
  expect(noted.map(({ atUs: _at, durationUs: _duration, ...rest }) => rest)).toEqual([
    { kind: "login", maxRecvDataSegmentLength: 8192 },
    { kind: "read", lba: 64, blocks: 8 },
    { kind: "flush" },
    { kind: "write", lba: 256, blocks: 16 },
    { kind: "read", lba: 2 ** 32, blocks: 2 },
  ]);
  for (const { durationUs } of noted) expect(durationUs).toBeGreaterThan(0);
});
