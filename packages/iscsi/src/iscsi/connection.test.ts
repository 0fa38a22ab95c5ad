import fc from "fast-check";
import { expect, test } from "vitest";
import { expectBytes, Harness, pattern, read10, READS, TARGET_NAME, write10, WRITES } from "../../test/harness.ts";
import { LoginFlags, loginRequest, pdu, text, withDigests } from "../../test/initiator.ts";

/** A PDU whose header says what its author never would. */
function bent(bytes: Uint8Array, changes: Readonly<Record<number, number>>): Uint8Array {
  for (const [at, value] of Object.entries(changes)) bytes[Number(at)] = value;
  return bytes;
}

test.each([
  ["a SCSI command before the login", pdu("scsiCommand", {})],
  ["HTTP", new TextEncoder().encode(`GET / HTTP/1.1\r\nHost: x\r\n\r\n${" ".repeat(40)}`)],
  ["a login with more data than a login may have", bent(loginRequest(0, []), { 5: 0, 6: 0x20, 7: 1 })],
  ["a login with a reserved stage", loginRequest(0x08, [])],
  ["a login with T and C", loginRequest(0xc1, [])],
  ["a login that goes back a stage", loginRequest(0x84, [])],
])("malformed before the login: %s ends the connection", async (_, bytes) => {
  const harness = new Harness();
  const connection = harness.connect();
  connection.send(bytes);
  await connection.receive();
  expect(connection.transport.ended).toBe(true);
  expect(harness.events).toMatchObject([{ kind: "error", peerAddress: "10.0.0.9" }]);
});

test.each([
  ["more data than agreed", bent(pdu("nopOut", { immediate: true, cmdSN: 1 }), { 5: 0xff })],
  [
    "an AHS that overruns its header",
    bent(pdu("scsiCommand", { cmdSN: 1, data: pattern(8) }), { 4: 1, 7: 4, 49: 200 }),
  ],
  ["an AHS of length 0", bent(pdu("scsiCommand", { cmdSN: 1, data: new Uint8Array(8) }), { 4: 1, 7: 4 })],
  ["a logout for a reason that nobody has", pdu("logout", { immediate: true, flags: 0x80 | 9, cmdSN: 1 })],
  ["text that is no text", pdu("text", { immediate: true, word20: 0xffff_ffff, cmdSN: 1, data: text("garbage") })],
])("malformed in a session: %s ends this connection and no other", async (_, bytes) => {
  const harness = new Harness();
  const other = await harness.login([], { word8: [0x40, 0, 0, 2, 0, 0, 0, 0] });
  const connection = await harness.login();
  connection.send(bytes);
  await connection.receive();
  expect(connection.transport.ended).toBe(true);
  expect(harness.target.sessions()).toHaveLength(1);
  other.command([0x00]);
  expect(await other.receive()).toMatchObject([{ opcode: 0x21, flags: 0x80 }]);
});

test("digests as agreed, each for itself", async () => {
  for (const digests of [
    { header: true, data: false },
    { header: false, data: true },
    { header: true, data: true },
  ]) {
    const keys = [
      `HeaderDigest=${digests.header ? "CRC32C,None" : "None"}`,
      `DataDigest=${digests.data ? "CRC32C,None" : "None"}`,
    ];
    const connection = await new Harness().login(keys);
    connection.digests = digests;
    const data = pattern(1024);
    connection.send(
      withDigests(
        pdu("scsiCommand", { itt: 1, cmdSN: 1, flags: WRITES, word20: 1024, cdb: write10(5, 2), data }),
        digests,
      ),
    );
    connection.send(
      withDigests(pdu("scsiCommand", { itt: 2, cmdSN: 2, flags: READS, word20: 1024, cdb: read10(5, 2) }), digests),
    );
    const [written, read] = await connection.receive();
    expect(written).toMatchObject({ opcode: 0x21, flags: 0x80 });
    expectBytes(read?.data, data);
  }
});

test("a wrong digest ends the connection before anything is written", async () => {
  const harness = new Harness();
  const connection = await harness.login(["HeaderDigest=None", "DataDigest=CRC32C"]);
  const command = withDigests(
    pdu("scsiCommand", { itt: 1, cmdSN: 1, flags: WRITES, word20: 512, cdb: write10(0, 1), data: pattern(512) }),
    {
      header: false,
      data: true,
    },
  );
  connection.send(bent(command, { 100: 0xee }));
  await connection.receive();
  expect(connection.transport.ended).toBe(true);
  expect(harness.events).toMatchObject([
    { kind: "login" },
    { kind: "error", error: { code: "digestMismatch" } },
    { kind: "logout", reason: "error" },
  ]);
});

test("the same conversation however TCP cuts it", async () => {
  const names = ["InitiatorName=iqn.2010-04.org.ipxe:x", `TargetName=${TARGET_NAME}`];
  const stream = [
    loginRequest(LoginFlags.securityToOperational, [...names, "AuthMethod=None"]),
    loginRequest(LoginFlags.operationalToFullFeature, ["ImmediateData=Yes", "InitialR2T=No", "HeaderDigest=CRC32C"]),
    ...[
      pdu("scsiCommand", { itt: 3, cmdSN: 1, flags: WRITES, word20: 2048, cdb: write10(4, 4), data: pattern(2048) }),
      pdu("scsiCommand", { itt: 4, cmdSN: 2, flags: READS, word20: 2048, cdb: read10(4, 4) }),
      pdu("logout", { itt: 5, cmdSN: 3, flags: 0x80 }),
    ].map((one) => withDigests(one, { header: true, data: false })),
  ];
  const whole = Uint8Array.from(stream.flatMap((one) => [...one]));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(whole.length), { maxLength: 12 }), async (cuts) => {
      const connection = new Harness().connect();
      const edges = [0, ...cuts.toSorted((a, b) => a - b), whole.length];
      for (const [i, edge] of edges.slice(1).entries()) connection.send(whole.slice(edges[i], edge));
      await connection.receive();
      expect(connection.transport.ended).toBe(true);
    }),
    { numRuns: 30 },
  );
});

test("random bytes after a login never throw and never write outside of their connection", async () => {
  const harness = new Harness();
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 8 }), async (chunks) => {
      const connection = await harness.login();
      for (const chunk of chunks) connection.send(chunk);
      await connection.connection.close("disconnected");
    }),
    { numRuns: 100 },
  );
  expect(harness.target.sessions()).toEqual([]);
});

test("random CDBs with random lengths are answered, every one", async () => {
  const harness = new Harness();
  const connection = await harness.login();
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.nat(4096),
      fc.constantFrom(0x80, READS, WRITES),
      async (cdb, expected, flags) => {
        // RESERVE, PERSISTENT RESERVE and SWP change what others get; here they change only this disk.
        const data = flags === WRITES ? new Uint8Array(expected) : new Uint8Array(0);
        const itt = connection.command([...cdb], { flags, expected: flags === 0x80 ? 0 : expected, data });
        const replies = await connection.receive();
        expect(replies.at(-1)).toMatchObject({ itt });
      },
    ),
    { numRuns: 300 },
  );
  expect(connection.transport.ended).toBe(false);
});
