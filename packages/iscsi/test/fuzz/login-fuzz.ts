import { Harness, INITIATOR_NAME, TARGET_NAME } from "../harness.ts";
import { LoginFlags, loginRequest, text } from "../initiator.ts";
import { mutate } from "./requests.ts";
import type { Random } from "./random.ts";

const KEYS: readonly string[] = [
  "HeaderDigest",
  "DataDigest",
  "MaxConnections",
  "InitialR2T",
  "ImmediateData",
  "MaxRecvDataSegmentLength",
  "MaxBurstLength",
  "FirstBurstLength",
  "DefaultTime2Wait",
  "DefaultTime2Retain",
  "MaxOutstandingR2T",
  "DataPDUInOrder",
  "DataSequenceInOrder",
  "ErrorRecoveryLevel",
  "IFMarker",
  "IFMarkInt",
  "TaskReporting",
  "iSCSIProtocolLevel",
  "InitiatorAlias",
  "SessionType",
  "AuthMethod",
  "CHAP_A",
  "CHAP_I",
  "CHAP_C",
  "CHAP_N",
  "CHAP_R",
  "TargetName",
  "InitiatorName",
  "SendTargets",
  "X-org.example",
  "__proto__",
  "A",
];
const VALUES: readonly string[] = [
  "Yes",
  "No",
  "None",
  "CRC32C",
  "CRC32C,None",
  "CHAP",
  "CHAP,None",
  "5",
  "5,7",
  "8",
  "1",
  "0",
  "8192",
  "262144",
  "16777215",
  "0x40000",
  "-1",
  "0x",
  "0b",
  "0xzz",
  "0bAAAA",
  `0x${"00".repeat(16)}`,
  "",
  "Reject",
  "NotUnderstood",
  "Irrelevant",
  "Discovery",
  "Normal",
  TARGET_NAME,
  "=",
  ",",
  "a".repeat(300),
  "é\u0000".slice(0, 1),
  "constructor",
];

/** One login of odd requests. Throws when what comes of it is anything but answers or the connection's end. */
export async function fuzzLogin(random: Random): Promise<void> {
  const needsChap = random.chance(0.5);
  const mutual = random.chance(0.5) ? { mutual: { name: "target", secret: "ourownsecret" } } : {};
  const harness = new Harness(
    needsChap
      ? { directory: { credentials: async () => ({ name: "machine", secret: "secretsecret12", ...mutual }) } }
      : {},
  );
  const connection = harness.connect();
  const names = [`InitiatorName=${INITIATOR_NAME}`, `TargetName=${TARGET_NAME}`];
  for (let requests = 1 + random.below(6), i = 0; i < requests && !connection.transport.ended; i++) {
    const pairs = Array.from({ length: random.below(6) }, () => `${random.pick(KEYS)}=${random.pick(VALUES)}`);
    if (i === 0 && random.chance(0.8)) pairs.unshift(...names);
    if (random.chance(0.4)) pairs.push(`AuthMethod=${random.pick(["CHAP", "None", "CHAP,None"])}`);
    const flags = random.pick([...Object.values(LoginFlags), 0x44, 0x83, random.below(256)]);
    let bytes = loginRequest(flags, pairs);
    if (random.chance(0.2)) bytes = loginRequest(flags, [], { data: random.bytes(random.below(400)) });
    if (random.chance(0.1)) bytes = loginRequest(flags, [], { data: text("K".repeat(8000)) });
    if (random.chance(0.25)) bytes = mutate(random, bytes);
    connection.send(...inPieces(random, bytes));
    await connection.receive(4);
  }
  await connection.connection.close("disconnected");
  for (const event of harness.events) {
    if (event.kind === "error" && (event.error as Error).name !== "IscsiError") throw event.error;
  }
  if (harness.target.sessions().length > 0) throw new Error("a session is left");
}

/** The same bytes in chunks of any size. */
export function inPieces(random: Random, bytes: Uint8Array): Uint8Array[] {
  if (random.chance(0.7)) return [bytes];
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = 1 + random.below(random.pick([4, 60, 5000]));
    pieces.push(bytes.slice(at, at + length));
    at += length;
  }
  return pieces;
}
