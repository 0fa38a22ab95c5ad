import { expect, test } from "vitest";
import { Harness, INITIATOR_NAME, TARGET_NAME } from "../../test/harness.ts";
import { LoginFlags, loginRequest } from "../../test/initiator.ts";
import type { ReceivedPdu } from "../../test/initiator.ts";
import { MemoryDevice } from "../../test/memory-device.ts";
import { MAX_SESSIONS_PER_TARGET } from "../limits.ts";

const NAMES = [`InitiatorName=${INITIATOR_NAME}`, `TargetName=${TARGET_NAME}`, "SessionType=Normal"];
const SECRET = "secretsecret12";
const chap = { credentials: async () => ({ name: "machine", secret: SECRET }) };

const statusOf = (reply: ReceivedPdu | undefined): string =>
  ((reply?.words[0] ?? 0) >>> 16).toString(16).padStart(4, "0");

// MD5 over identifier 5a, the secret, and 32 bytes of 5a, as hashlib computes it.
const MD5_HEX = "1d6b49231e5ef229a70c41ea92e13d6b";

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
