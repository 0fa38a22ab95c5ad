import { describe, expect, test } from "vitest";
import { chapResponse } from "../src/iscsi/chap.ts";
import { expectBytes, Harness, pattern, read10, READS, TARGET_NAME, write10, WRITES } from "./harness.ts";
import type { TestConnection } from "./harness.ts";
import { LoginFlags, loginRequest, OTHER_ISID, pdu, text, withDigests } from "./initiator.ts";
import type { ReceivedPdu } from "./initiator.ts";

/**
 * What Microsoft's documents ask of a target (its hardware lab kit's digest and CHAP tests, boot from iSCSI), PDU by PDU.
 * Real Windows was not run: the keys are the initiator's documented defaults, in the order in which its text is usually shown.
 */
const NAMES = [`InitiatorName=iqn.1991-05.com.microsoft:client`, "SessionType=Normal", `TargetName=${TARGET_NAME}`];
const OPERATIONAL = [
  "HeaderDigest=None,CRC32C",
  "DataDigest=None,CRC32C",
  "ErrorRecoveryLevel=2",
  "InitialR2T=No",
  "ImmediateData=Yes",
  "MaxRecvDataSegmentLength=65536",
  "MaxBurstLength=262144",
  "FirstBurstLength=65536",
  "MaxConnections=8",
  "DataPDUInOrder=Yes",
  "DataSequenceInOrder=Yes",
  "DefaultTime2Wait=0",
  "DefaultTime2Retain=60",
  "MaxOutstandingR2T=16",
];
/** Microsoft's initiator takes secrets of 12 to 16 bytes. */
const SECRET = "sixteen-byte-sec";
const statusOf = (reply: ReceivedPdu | undefined): string =>
  ((reply?.words[0] ?? 0) >>> 16).toString(16).padStart(4, "0");

async function logIn(harness: Harness, digests = { header: false, data: false }, fields = {}): Promise<TestConnection> {
  const connection = harness.connect();
  connection.send(loginRequest(LoginFlags.securityToOperational, [...NAMES, "AuthMethod=None"], fields));
  const [security] = await connection.receive();
  expect(security).toMatchObject({ flags: 0x81, keys: { AuthMethod: "None" } });
  const chosen = OPERATIONAL.map((key) =>
    key
      .replace("HeaderDigest=None,CRC32C", `HeaderDigest=${digests.header ? "CRC32C,None" : "None,CRC32C"}`)
      .replace("DataDigest=None,CRC32C", `DataDigest=${digests.data ? "CRC32C,None" : "None,CRC32C"}`),
  );
  connection.send(loginRequest(LoginFlags.operationalToFullFeature, chosen, fields));
  const [operational] = await connection.receive();
  expect(operational).toMatchObject({ flags: 0x87, words: [0, 0, 0] });
  expect(Object.values(operational?.keys ?? {})).not.toContain("Reject");
  connection.digests = digests;
  // As every initiator does: a new session may begin with a unit attention.
  connection.send(withDigests(pdu("scsiCommand", { itt: 90, cmdSN: connection.cmdSN++, flags: 0x80 }), digests));
  await connection.receive();
  return connection;
}

describe("one-way CHAP", () => {
  const harness = new Harness({ directory: { credentials: async () => ({ name: "client", secret: SECRET }) } });

  async function prove(secret: string, encode: (answer: Uint8Array) => string): Promise<ReceivedPdu | undefined> {
    const connection = harness.connect();
    connection.send(loginRequest(LoginFlags.security, [...NAMES, "AuthMethod=CHAP"]));
    await connection.receive();
    connection.send(loginRequest(LoginFlags.security, ["CHAP_A=5"]));
    const [challenge] = await connection.receive();
    const bytes = Uint8Array.fromHex(challenge?.keys["CHAP_C"]?.slice(2) ?? "");
    const answer = chapResponse("5", Number(challenge?.keys["CHAP_I"]), secret, bytes);
    connection.send(loginRequest(LoginFlags.securityToOperational, ["CHAP_N=client", `CHAP_R=${encode(answer)}`]));
    return (await connection.receive())[0];
  }

  const hex = (answer: Uint8Array): string => `0x${answer.toHex()}`;
  const base64 = (answer: Uint8Array): string => `0b${answer.toBase64()}`;

  test.each([
    ["hex", hex],
    ["base64", base64],
  ])("a right answer in %s is taken", async (_, encode) => {
    const reply = await prove(SECRET, encode);
    expect(statusOf(reply)).toBe("0000");
    expect(reply?.flags).toBe(0x81);
  });

  test.each([
    ["hex", hex],
    ["base64", base64],
  ])("a wrong answer in %s is 0201, authentication failure", async (_, encode) => {
    expect(statusOf(await prove("another-secret-1", encode))).toBe("0201");
  });

  test("an answer that is neither is an error of the initiator, not a login", async () => {
    expect(statusOf(await prove(SECRET, () => "plain"))).toBe("0200");
  });
});

describe("digests with I/O", () => {
  test.each([
    ["header only", { header: true, data: false }],
    ["data only", { header: false, data: true }],
    ["header and data", { header: true, data: true }],
    ["none", { header: false, data: false }],
  ])("%s: what is written is read", async (_, digests) => {
    const connection = await logIn(new Harness(), digests);
    const data = pattern(131_072);
    const command = { itt: 1, cmdSN: 2, flags: WRITES, word20: data.length, cdb: write10(8, 256) };
    connection.send(withDigests(pdu("scsiCommand", { ...command, data: data.slice(0, 4096) }), digests));
    const [r2t] = await connection.receive();
    expect(r2t).toMatchObject({ opcode: 0x31, words: [0, 4096, data.length - 4096] });
    for (let at = 4096, dataSN = 0; at < data.length; at += 65_536, dataSN++) {
      const flags = at + 65_536 >= data.length ? 0x80 : 0;
      const part = data.slice(at, at + 65_536);
      const piece = pdu("dataOut", { itt: 1, word20: r2t?.ttt ?? 0, flags, dataSN, bufferOffset: at, data: part });
      connection.send(withDigests(piece, digests));
    }
    expect(await connection.receive()).toMatchObject([{ opcode: 0x21, flags: 0x80 }]);
    const read = { itt: 2, cmdSN: 3, flags: READS, word20: data.length, cdb: read10(8, 256) };
    connection.send(withDigests(pdu("scsiCommand", read), digests));
    const parts = await connection.receive();
    expectBytes(Uint8Array.from(parts.flatMap((part) => [...part.data])), data);
  });

  test.each([
    ["header", { header: true, data: false }, 20],
    ["data", { header: false, data: true }, 60],
  ])("a wrong %s digest writes nothing and ends the connection; the next login works", async (_, digests, at) => {
    const harness = new Harness();
    const connection = await logIn(harness, digests);
    const data = pattern(512);
    const whole = withDigests(
      pdu("scsiCommand", { itt: 1, cmdSN: 2, flags: WRITES, word20: 512, cdb: write10(0, 1), data }),
      digests,
    );
    connection.send(whole.with(at, (whole[at] ?? 0) ^ 0xff));
    await connection.receive();
    expect(connection.transport.ended).toBe(true);
    const again = await logIn(harness, digests);
    again.send(
      withDigests(pdu("scsiCommand", { itt: 1, cmdSN: 2, flags: READS, word20: 512, cdb: read10(0, 1) }), digests),
    );
    expectBytes((await again.receive())[0]?.data, new Uint8Array(512));
  });
});

test("the answers to its keys are the results of RFC 7143 §13", async () => {
  const connection = new Harness().connect();
  connection.send(loginRequest(LoginFlags.operationalToFullFeature, [...NAMES, ...OPERATIONAL]));
  expect((await connection.receive())[0]?.keys).toMatchObject({
    HeaderDigest: "None",
    DataDigest: "None",
    ErrorRecoveryLevel: "0",
    InitialR2T: "No",
    ImmediateData: "Yes",
    MaxBurstLength: "262144",
    FirstBurstLength: "65536",
    MaxConnections: "1",
    DefaultTime2Retain: "0",
    MaxOutstandingR2T: "8",
  });
});

test("discovery gives the target with address, port and portal group", async () => {
  const connection = new Harness().connect();
  const [initiator = ""] = NAMES;
  connection.send(
    loginRequest(LoginFlags.securityToOperational, [initiator, "SessionType=Discovery", "AuthMethod=None"]),
  );
  await connection.receive();
  connection.send(loginRequest(LoginFlags.operationalToFullFeature, ["HeaderDigest=None", "DataDigest=None"]));
  await connection.receive();
  connection.send(pdu("text", { itt: 5, word20: 0xffff_ffff, cmdSN: 1, data: text("SendTargets=All") }));
  expect((await connection.receive())[0]?.keys).toEqual({ TargetName: TARGET_NAME, TargetAddress: "10.0.0.1:3260,1" });
});

/** INQUIRY of a page of vital product data. */
async function page(connection: TestConnection, code: number): Promise<Uint8Array> {
  connection.command([0x12, 1, code, 0, 255, 0], { flags: READS, expected: 255 });
  return (await connection.receive())[0]?.data ?? new Uint8Array(0);
}

test("page 83h has an NAA name, and it and the serial number are the same after a reboot and by another path", async () => {
  const harness = new Harness();
  const before = await logIn(harness);
  const identification = await page(before, 0x83);
  const serial = await page(before, 0x80);
  expect(serial.length).toBeGreaterThan(4);
  const designators: { type: number; length: number }[] = [];
  for (let at = 4; at < identification.length; at += 4 + (identification[at + 3] ?? 0)) {
    designators.push({ type: (identification[at + 1] ?? 0) & 0x0f, length: identification[at + 3] ?? 0 });
  }
  expect(designators.filter(({ type }) => type === 3)).toMatchObject([{ length: expect.any(Number) as number }]);
  const after = await logIn(harness);
  expect(await page(after, 0x83)).toEqual(identification);
  expect(await page(after, 0x80)).toEqual(serial);
  expect(await page(await logIn(harness, undefined, OTHER_ISID), 0x80)).toEqual(serial);
});

test("the loader's session is replaced by that of the running system, which has the same name and ISID", async () => {
  const harness = new Harness();
  const loader = await logIn(harness);
  const system = await logIn(harness);
  expect(loader.transport.ended).toBe(true);
  system.command(read10(0, 1), { flags: READS, expected: 512 });
  expect(await system.receive()).toMatchObject([{ opcode: 0x25, flags: 0x81 }]);
});

test("a cluster node registers, reserves, and keeps the others from writing until it lets go", async () => {
  const harness = new Harness();
  const one = await logIn(harness);
  const two = await logIn(harness, undefined, OTHER_ISID);
  const reserveOut = (action: number, type: number, key: number, newKey: number) => {
    const data = new Uint8Array(24);
    data[7] = key;
    data[15] = newKey;
    return [[0x5f, action, type, 0, 0, 0, 0, 0, 24, 0], { flags: WRITES, expected: 24, data }] as const;
  };
  const statusAfter = async (connection: TestConnection): Promise<number | undefined> =>
    (await connection.receive())[0]?.header[3];
  one.command(...reserveOut(0, 0, 0, 7));
  expect(await statusAfter(one)).toBe(0);
  // WRITE EXCLUSIVE, REGISTRANTS ONLY.
  one.command(...reserveOut(1, 5, 7, 0));
  expect(await statusAfter(one)).toBe(0);
  two.command(write10(0, 1), { flags: WRITES, expected: 512, data: pattern(512) });
  expect(await statusAfter(two)).toBe(0x18);
  two.command([0x5e, 0, 0, 0, 0, 0, 0, 0, 255, 0], { flags: READS, expected: 255 });
  expect((await two.receive())[0]?.data.slice(8, 16).toHex()).toBe("0000000000000007");
  one.command(...reserveOut(3, 0, 7, 0));
  await one.receive();
  two.command(write10(0, 1), { flags: WRITES, expected: 512, data: pattern(512) });
  expect(await statusAfter(two)).toBe(0);
});
