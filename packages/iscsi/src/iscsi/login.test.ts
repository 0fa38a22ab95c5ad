import { expect, test } from "vitest";
import { Harness, INITIATOR_NAME, TARGET_NAME } from "../../test/harness.ts";
import { LoginFlags, loginRequest, text } from "../../test/initiator.ts";
import type { ReceivedPdu } from "../../test/initiator.ts";

const NAMES = [`InitiatorName=${INITIATOR_NAME}`, `TargetName=${TARGET_NAME}`, "SessionType=Normal"];
const SECRET = "secretsecret12";
const chap = { credentials: async () => ({ name: "machine", secret: SECRET }) };

const statusOf = (reply: ReceivedPdu | undefined): string =>
  ((reply?.words[0] ?? 0) >>> 16).toString(16).padStart(4, "0");

test("iPXE logs in: security stage, then its fixed set of keys", async () => {
  const harness = new Harness();
  const connection = harness.connect();
  connection.send(loginRequest(LoginFlags.securityToOperational, [...NAMES, "AuthMethod=None"]));
  const [first] = await connection.receive();
  expect(first).toMatchObject({
    opcode: 0x23,
    flags: 0x81,
    statSN: 0,
    expCmdSN: 1,
    keys: { AuthMethod: "None", TargetPortalGroupTag: "1" },
  });
  const operational = [
    "HeaderDigest=None",
    "DataDigest=None",
    "MaxConnections=1",
    "InitialR2T=Yes",
    "ImmediateData=No",
    "MaxRecvDataSegmentLength=8192",
    "MaxBurstLength=262144",
    "FirstBurstLength=65536",
    "DefaultTime2Wait=0",
    "DefaultTime2Retain=0",
    "MaxOutstandingR2T=1",
    "DataPDUInOrder=Yes",
    "DataSequenceInOrder=Yes",
    "ErrorRecoveryLevel=0",
  ];
  connection.send(loginRequest(LoginFlags.operationalToFullFeature, operational));
  const [second] = await connection.receive();
  expect(second).toMatchObject({ opcode: 0x23, flags: 0x87, statSN: 1 });
  expect(statusOf(second)).toBe("0000");
  expect(second?.keys).toEqual({
    HeaderDigest: "None",
    DataDigest: "None",
    MaxConnections: "1",
    InitialR2T: "Yes",
    ImmediateData: "No",
    MaxBurstLength: "262144",
    FirstBurstLength: "65536",
    DefaultTime2Wait: "0",
    DefaultTime2Retain: "0",
    MaxOutstandingR2T: "1",
    DataPDUInOrder: "Yes",
    DataSequenceInOrder: "Yes",
    ErrorRecoveryLevel: "0",
    MaxRecvDataSegmentLength: "262144",
  });
  expect(second?.header[15]).not.toBe(0);
  expect(harness.events).toMatchObject([
    { kind: "login", session: { initiatorName: INITIATOR_NAME, targetName: TARGET_NAME, peerAddress: "10.0.0.9" } },
  ]);
});

test("open-iscsi logs in: CHAP offered, unsolicited data, long bursts", async () => {
  const connection = new Harness().connect();
  connection.send(loginRequest(LoginFlags.securityToOperational, [`InitiatorAlias=host`, ...NAMES, "AuthMethod=None"]));
  await connection.receive();
  const keys = [
    "HeaderDigest=None",
    "DataDigest=None",
    "DefaultTime2Wait=2",
    "DefaultTime2Retain=0",
    "IFMarker=No",
    "OFMarker=No",
    "ErrorRecoveryLevel=0",
    "InitialR2T=No",
    "ImmediateData=Yes",
    "MaxBurstLength=16776192",
    "FirstBurstLength=262144",
    "MaxOutstandingR2T=1",
    "MaxConnections=1",
    "DataPDUInOrder=Yes",
    "DataSequenceInOrder=Yes",
    "MaxRecvDataSegmentLength=262144",
  ];
  connection.send(loginRequest(LoginFlags.operationalToFullFeature, keys));
  const [reply] = await connection.receive();
  expect(reply?.keys).toMatchObject({
    InitialR2T: "No",
    ImmediateData: "Yes",
    MaxBurstLength: "1048576",
    FirstBurstLength: "262144",
    IFMarker: "No",
  });
});

test("libiscsi logs in with CHAP,None where nothing has to be proved", async () => {
  const connection = new Harness().connect();
  connection.send(loginRequest(LoginFlags.securityToOperational, [...NAMES, "AuthMethod=CHAP,None"]));
  const [reply] = await connection.receive();
  expect(reply?.keys["AuthMethod"]).toBe("None");
});

test("keys may be cut anywhere over requests with the C bit", async () => {
  const connection = new Harness().connect();
  const whole = text(...NAMES, "HeaderDigest=None");
  connection.send(loginRequest(LoginFlags.operational | LoginFlags.more, [], { data: whole.subarray(0, 30) }));
  const [empty] = await connection.receive();
  expect(empty).toMatchObject({ flags: 0x04, data: new Uint8Array(0) });
  connection.send(loginRequest(LoginFlags.operational | LoginFlags.more, [], { data: whole.subarray(30, 31) }));
  await connection.receive();
  connection.send(loginRequest(LoginFlags.operationalToFullFeature, [], { data: whole.subarray(31) }));
  const [reply] = await connection.receive();
  expect(reply).toMatchObject({ flags: 0x87, keys: { HeaderDigest: "None" } });
});

test("unknown keys are not understood and do no harm", async () => {
  const connection = new Harness().connect();
  connection.send(loginRequest(LoginFlags.operationalToFullFeature, [...NAMES, "X-org.example.speed=fast"]));
  const [reply] = await connection.receive();
  expect(reply).toMatchObject({ flags: 0x87, keys: { "X-org.example.speed": "NotUnderstood" } });
});

// MD5 and SHA-256 over identifier 5a, the secret, and 32 bytes of 5a, as hashlib computes them.
const MD5_HEX = "1d6b49231e5ef229a70c41ea92e13d6b";
const MD5_BASE64 = "HWtJIx5e8imnDEHqkuE9aw==";
const SHA256_HEX = "0620a700e4b51751ce6728da0d55c369dcce257cde9a62a90274f10b648f6556";

test.each([
  ["MD5 in hex", "5", "5", `0x${MD5_HEX}`],
  ["MD5 in base64", "5", "5", `0b${MD5_BASE64}`],
  ["SHA-256 from a list", "7,5", "7", `0x${SHA256_HEX}`],
  ["an unknown algorithm before MD5", "99,5", "5", `0x${MD5_HEX}`],
])("CHAP: %s", async (_, offered, chosen, answer) => {
  const connection = new Harness({ directory: chap }).connect();
  connection.send(loginRequest(LoginFlags.securityToOperational, [...NAMES, "AuthMethod=CHAP,None"]));
  const [method] = await connection.receive();
  expect(method).toMatchObject({ flags: 0x00, keys: { AuthMethod: "CHAP" } });
  connection.send(loginRequest(LoginFlags.security, [`CHAP_A=${offered}`]));
  const [challenge] = await connection.receive();
  expect(challenge?.keys).toEqual({ CHAP_A: chosen, CHAP_I: "90", CHAP_C: `0x${"5a".repeat(32)}` });
  connection.send(loginRequest(LoginFlags.securityToOperational, ["CHAP_N=machine", `CHAP_R=${answer}`]));
  const [proved] = await connection.receive();
  expect(proved).toMatchObject({ flags: 0x81, words: [0, 0, 0] });
  connection.send(loginRequest(LoginFlags.operationalToFullFeature, []));
  expect((await connection.receive())[0]?.flags).toBe(0x87);
});

test("mutual CHAP: we prove ourselves, but not to our own challenge", async () => {
  const mutual = { name: "target", secret: "ourownsecret" };
  const harness = new Harness({
    directory: { credentials: async () => ({ name: "machine", secret: SECRET, mutual }) },
  });
  const start = async (pairs: readonly string[]): Promise<ReceivedPdu | undefined> => {
    const connection = harness.connect();
    connection.send(loginRequest(LoginFlags.security, [...NAMES, "AuthMethod=CHAP"]));
    await connection.receive();
    connection.send(loginRequest(LoginFlags.security, ["CHAP_A=5"]));
    await connection.receive();
    connection.send(
      loginRequest(LoginFlags.securityToOperational, ["CHAP_N=machine", `CHAP_R=0x${MD5_HEX}`, ...pairs]),
    );
    return (await connection.receive())[0];
  };
  expect((await start(["CHAP_I=7", "CHAP_C=0x00112233"]))?.keys).toEqual({
    CHAP_N: "target",
    CHAP_R: "0x51c382aaceb5d2c11b4d0eb7e661d2b6",
  });
  expect(statusOf(await start(["CHAP_I=7", `CHAP_C=0x${"5a".repeat(32)}`]))).toBe("0201");
});

test("single phase: straight to full feature without a word of security, and from the security stage", async () => {
  for (const flags of [LoginFlags.operationalToFullFeature, LoginFlags.securityToFullFeature]) {
    const connection = new Harness().connect();
    connection.send(
      loginRequest(flags, [...NAMES, ...(flags === LoginFlags.securityToFullFeature ? ["AuthMethod=None"] : [])]),
    );
    const [reply] = await connection.receive();
    expect(reply).toMatchObject({ flags, words: [0, 0, 0] });
    connection.command([0x00]);
    expect(await connection.receive()).toMatchObject([{ opcode: 0x21 }]);
  }
});

test.each([
  ["first", ["FirstBurstLength=65536", "MaxBurstLength=8192"]],
  ["last", ["MaxBurstLength=8192", "FirstBurstLength=65536"]],
])("FirstBurstLength is never said to be above MaxBurstLength, also when it comes %s", async (_, keys) => {
  const connection = new Harness().connect();
  connection.send(loginRequest(LoginFlags.operationalToFullFeature, [...NAMES, ...keys]));
  expect((await connection.receive())[0]?.keys).toMatchObject({ FirstBurstLength: "8192", MaxBurstLength: "8192" });
});
