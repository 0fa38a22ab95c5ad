import { expect, test } from "vitest";
import { Harness, INITIATOR_NAME, TARGET_NAME } from "../../test/harness.ts";
import { LoginFlags, loginRequest, text } from "../../test/initiator.ts";
import type { ReceivedPdu } from "../../test/initiator.ts";
import { MemoryDevice } from "../../test/memory-device.ts";
import { MAX_SESSIONS_PER_TARGET } from "../limits.ts";

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

const wrong: readonly [
  string,
  Partial<ConstructorParameters<typeof Harness>[0] & object>,
  readonly Uint8Array[],
  string,
][] = [
  [
    "wrong secret",
    { directory: chap },
    [
      loginRequest(LoginFlags.security, [...NAMES, "AuthMethod=CHAP"]),
      loginRequest(LoginFlags.security, ["CHAP_A=5"]),
      loginRequest(LoginFlags.securityToOperational, ["CHAP_N=machine", `CHAP_R=0x${"00".repeat(16)}`]),
    ],
    "0201",
  ],
  [
    "wrong CHAP name",
    { directory: chap },
    [
      loginRequest(LoginFlags.security, [...NAMES, "AuthMethod=CHAP"]),
      loginRequest(LoginFlags.security, ["CHAP_A=5"]),
      loginRequest(LoginFlags.securityToOperational, ["CHAP_N=other", `CHAP_R=0x${MD5_HEX}`]),
    ],
    "0201",
  ],
  [
    "an answer before the challenge",
    { directory: chap },
    [
      loginRequest(LoginFlags.security, [...NAMES, "AuthMethod=CHAP"]),
      loginRequest(LoginFlags.securityToOperational, ["CHAP_N=machine", `CHAP_R=0x${MD5_HEX}`]),
    ],
    "0201",
  ],
  [
    "a second challenge",
    { directory: chap },
    [
      loginRequest(LoginFlags.security, [...NAMES, "AuthMethod=CHAP"]),
      loginRequest(LoginFlags.security, ["CHAP_A=5"]),
      loginRequest(LoginFlags.security, ["CHAP_A=5"]),
    ],
    "0201",
  ],
  [
    "only None where CHAP is needed",
    { directory: chap },
    [loginRequest(LoginFlags.securityToOperational, [...NAMES, "AuthMethod=None"])],
    "0201",
  ],
  [
    "straight to the operational stage where CHAP is needed",
    { directory: chap },
    [loginRequest(LoginFlags.operationalToFullFeature, NAMES)],
    "0201",
  ],
  [
    "straight to full feature where CHAP is needed",
    { directory: chap },
    [loginRequest(LoginFlags.securityToFullFeature, NAMES)],
    "0201",
  ],
  [
    "only CHAP where no secret is known",
    {},
    [loginRequest(LoginFlags.security, [...NAMES, "AuthMethod=CHAP"])],
    "0201",
  ],
  [
    "no such target",
    {},
    [
      loginRequest(LoginFlags.operationalToFullFeature, [
        `InitiatorName=${INITIATOR_NAME}`,
        "TargetName=iqn.2026-11.org.ingot:other",
      ]),
    ],
    "0203",
  ],
  ["no initiator name", {}, [loginRequest(LoginFlags.operationalToFullFeature, [`TargetName=${TARGET_NAME}`])], "0207"],
  [
    "no target name",
    {},
    [loginRequest(LoginFlags.operationalToFullFeature, [`InitiatorName=${INITIATOR_NAME}`])],
    "0207",
  ],
  [
    "an unknown session type",
    {},
    [loginRequest(LoginFlags.operationalToFullFeature, [`InitiatorName=${INITIATOR_NAME}`, "SessionType=Odd"])],
    "0209",
  ],
  [
    "a name with a blank",
    {},
    [loginRequest(LoginFlags.operationalToFullFeature, ["InitiatorName=a b", `TargetName=${TARGET_NAME}`])],
    "0200",
  ],
  [
    "a session that does not exist",
    {},
    [loginRequest(LoginFlags.operationalToFullFeature, NAMES, { word8: [0x40, 0, 0, 1, 0, 0, 0, 9] })],
    "020a",
  ],
  [
    "a key negotiated twice",
    {},
    [
      loginRequest(LoginFlags.operational, [...NAMES, "InitialR2T=No"]),
      loginRequest(LoginFlags.operationalToFullFeature, ["InitialR2T=Yes"]),
    ],
    "0200",
  ],
  [
    "another ISID in the second request",
    {},
    [
      loginRequest(LoginFlags.operational, NAMES),
      loginRequest(LoginFlags.operationalToFullFeature, [], { word8: [0x40, 0, 0, 2, 0, 0, 0, 0] }),
    ],
    "0200",
  ],
  [
    "an AuthMethod that was chosen already",
    {},
    [
      loginRequest(LoginFlags.security, [...NAMES, "AuthMethod=None"]),
      loginRequest(LoginFlags.security, ["AuthMethod=None"]),
    ],
    "0200",
  ],
  [
    "an algorithm that nobody has",
    { directory: chap },
    [
      loginRequest(LoginFlags.security, [...NAMES, "AuthMethod=CHAP"]),
      loginRequest(LoginFlags.security, ["CHAP_A=99,1"]),
    ],
    "0201",
  ],
  [
    "a proof asked of a target that has no secret of its own",
    { directory: chap },
    [
      loginRequest(LoginFlags.security, [...NAMES, "AuthMethod=CHAP"]),
      loginRequest(LoginFlags.security, ["CHAP_A=5"]),
      loginRequest(LoginFlags.securityToOperational, [
        "CHAP_N=machine",
        `CHAP_R=0x${MD5_HEX}`,
        "CHAP_I=1",
        "CHAP_C=0x0011",
      ]),
    ],
    "0201",
  ],
  [
    "a target that was removed",
    { directory: { resolve: async () => ({ kind: "refused", reason: "removed" }) } },
    [loginRequest(LoginFlags.operationalToFullFeature, NAMES)],
    "0204",
  ],
  [
    "a step back in the stages",
    {},
    [loginRequest(LoginFlags.operational, NAMES), loginRequest(LoginFlags.security, [])],
    "0200",
  ],
  ["text that is no text", {}, [loginRequest(LoginFlags.operational, ["garbage"])], "0200"],
  [
    "text without end",
    {},
    Array.from({ length: 6 }, () => loginRequest(LoginFlags.operational | LoginFlags.more, ["A".repeat(8000)])),
    "0200",
  ],
  [
    "refused by the directory",
    { directory: { resolve: async () => ({ kind: "refused", reason: "notAllowed" }) } },
    [loginRequest(LoginFlags.operationalToFullFeature, NAMES)],
    "0202",
  ],
  [
    "not now",
    { directory: { resolve: async () => ({ kind: "refused", reason: "unavailable" }) } },
    [loginRequest(LoginFlags.operationalToFullFeature, NAMES)],
    "0301",
  ],
  [
    "a directory that fails",
    { directory: { resolve: () => Promise.reject(new Error("disk gone")) } },
    [loginRequest(LoginFlags.operationalToFullFeature, NAMES)],
    "0300",
  ],
];

test.each(wrong)("refused: %s", async (_, options, requests, status) => {
  const harness = new Harness(options);
  const connection = harness.connect();
  let last: ReceivedPdu | undefined;
  for (const request of requests) {
    connection.send(request);
    last = (await connection.receive())[0] ?? last;
  }
  expect(last?.opcode).toBe(0x23);
  expect(statusOf(last)).toBe(status);
  expect(connection.transport.ended).toBe(true);
  const refused = harness.events.at(-1);
  expect(refused).toMatchObject({ kind: "refused", status: Number.parseInt(status, 16), peerAddress: "10.0.0.9" });
  expect(refused?.kind === "refused" && refused.reason.length > 0).toBe(true);
  expect(harness.target.sessions()).toEqual([]);
});

test("a version above ours is refused", async () => {
  const connection = new Harness().connect();
  const request = loginRequest(LoginFlags.operationalToFullFeature, NAMES);
  request[3] = 1;
  connection.send(request);
  expect(statusOf((await connection.receive())[0])).toBe("0205");
});

test.each([
  [false, "0101"],
  [true, "0102"],
])("a redirect (permanent: %s) names the other portal", async (permanent, status) => {
  const resolve = async () => ({ kind: "moved" as const, address: "10.0.0.2:3260", permanent });
  const harness = new Harness({ directory: { resolve } });
  const connection = harness.connect();
  connection.send(loginRequest(LoginFlags.operationalToFullFeature, NAMES));
  const [reply] = await connection.receive();
  expect(statusOf(reply)).toBe(status);
  expect(reply?.keys).toEqual({ TargetAddress: "10.0.0.2:3260" });
  expect(harness.events.at(-1)).toMatchObject({ kind: "refused", reason: "moved to 10.0.0.2:3260" });
});

test("a refusal is an event with initiator, target and reason", async () => {
  const resolve = async () => ({
    kind: "refused" as const,
    reason: "notAllowed" as const,
    message: "not this machine's",
  });
  const harness = new Harness({ directory: { resolve } });
  const connection = harness.connect();
  connection.send(loginRequest(LoginFlags.operationalToFullFeature, NAMES));
  await connection.receive();
  expect(harness.events).toMatchObject([
    {
      kind: "refused",
      parties: { initiatorName: INITIATOR_NAME, targetName: TARGET_NAME },
      status: 0x0202,
      reason: "not this machine's",
    },
  ]);
});

test("a second connection for an open session is one too many; a TSIH of nobody's is a session that does not exist", async () => {
  const harness = new Harness();
  await harness.login();
  const tsih = harness.target.sessions()[0]?.id ?? 0;
  for (const [named, status] of [
    [tsih, "0206"],
    [tsih + 1, "020a"],
  ] as const) {
    const connection = harness.connect();
    const word8 = [0x40, 0, 0, 1, 0, 0, named >>> 8, named & 0xff];
    connection.send(loginRequest(LoginFlags.operationalToFullFeature, NAMES, { word8 }));
    expect(statusOf((await connection.receive())[0])).toBe(status);
  }
  expect(harness.target.sessions()).toHaveLength(1);
});

test("as many sessions on a target, and on a disk with several names, as are allowed, and no more", async () => {
  const harness = new Harness({
    directory: {
      resolve: async ({ targetName }) => ({
        kind: "disk",
        device: new MemoryDevice(4096),
        id: targetName.slice(0, 10),
      }),
    },
  });
  const statuses: string[] = [];
  for (let i = 0; i <= MAX_SESSIONS_PER_TARGET; i++) {
    const connection = harness.connect();
    const names = [`InitiatorName=${INITIATOR_NAME}`, `TargetName=${TARGET_NAME}:boot${i % 2}`];
    const fields = { word8: [0x40, 0, 0, 0, 0, i, 0, 0] };
    connection.send(loginRequest(LoginFlags.operationalToFullFeature, names, fields));
    statuses.push(statusOf((await connection.receive(8))[0]));
  }
  expect(statuses.at(-1)).toBe("0302");
  expect(new Set(statuses.slice(0, -1))).toEqual(new Set(["0000"]));
});

test("a login that is not done in time is an event", async () => {
  const harness = new Harness();
  const connection = harness.connect();
  connection.send(loginRequest(LoginFlags.securityToOperational, [...NAMES, "AuthMethod=None"]));
  await connection.receive();
  await connection.connection.close("timeout");
  expect(harness.events).toMatchObject([{ kind: "error", error: { code: "loginTimeout" } }]);
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
