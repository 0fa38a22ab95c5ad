import { expect, test } from "vitest";
import { Harness, INITIATOR_NAME, read10, READS, TARGET_NAME } from "../../test/harness.ts";
import { LoginFlags, loginRequest, pdu, text } from "../../test/initiator.ts";

test("a discovery session lists targets, in parts if the initiator takes little", async () => {
  const names = Array.from({ length: 40 }, (_, i) => `iqn.2026-11.org.ingot:machine-${i}`);
  const harness = new Harness({ directory: { list: async () => names.map((targetName) => ({ targetName })) } });
  const connection = harness.connect();
  const keys = [`InitiatorName=${INITIATOR_NAME}`, "SessionType=Discovery", "MaxRecvDataSegmentLength=1024"];
  connection.send(loginRequest(LoginFlags.operationalToFullFeature, keys));
  await connection.receive();
  connection.send(pdu("text", { itt: 5, word20: 0xffff_ffff, cmdSN: 1, data: text("SendTargets=All") }));
  const parts: Uint8Array[] = [];
  let [reply] = await connection.receive();
  for (let cmdSN = 2; reply !== undefined && (reply.flags & 0x40) !== 0; cmdSN++) {
    expect(reply.data.length).toBe(1024);
    parts.push(reply.data);
    connection.send(pdu("text", { itt: 5, word20: reply.ttt, cmdSN }));
    [reply] = await connection.receive();
  }
  expect(reply).toMatchObject({ opcode: 0x24, flags: 0x80, ttt: 0xffff_ffff });
  parts.push(reply?.data ?? new Uint8Array(0));
  const listed = new TextDecoder().decode(Uint8Array.from(parts.flatMap((part) => [...part])));
  expect(listed.split("\0")).toEqual([
    ...names.flatMap((name) => [`TargetName=${name}`, "TargetAddress=10.0.0.1:3260,1"]),
    "",
  ]);
});

test("a discovery session takes no SCSI commands", async () => {
  const connection = new Harness().connect();
  connection.send(
    loginRequest(LoginFlags.operationalToFullFeature, [`InitiatorName=${INITIATOR_NAME}`, "SessionType=Discovery"]),
  );
  await connection.receive();
  connection.command([0x00]);
  expect(await connection.receive()).toMatchObject([{ opcode: 0x3f }]);
});

/** A session to `TARGET_NAME`, or a discovery session, and what a Text Request is answered with. */
async function ask(harness: Harness, discovery: boolean, ...pairs: readonly string[]) {
  const connection = harness.connect();
  const type = discovery ? ["SessionType=Discovery"] : [`TargetName=${TARGET_NAME}`];
  connection.send(loginRequest(LoginFlags.operationalToFullFeature, [`InitiatorName=${INITIATOR_NAME}`, ...type]));
  await connection.receive();
  connection.send(pdu("text", { itt: 5, word20: 0xffff_ffff, cmdSN: 1, data: text(...pairs) }));
  const [reply] = await connection.receive();
  return { connection, lines: new TextDecoder().decode(reply?.data).split("\0").slice(0, -1) };
}

const others = {
  list: async () => [{ targetName: "iqn.2026-11.org.ingot:a" }, { targetName: "iqn.2026-11.org.ingot:b" }],
};

test.each([
  [
    "All",
    [
      "TargetName=iqn.2026-11.org.ingot:a",
      "TargetAddress=10.0.0.1:3260,1",
      "TargetName=iqn.2026-11.org.ingot:b",
      "TargetAddress=10.0.0.1:3260,1",
    ],
  ],
  ["iqn.2026-11.org.ingot:b", ["TargetName=iqn.2026-11.org.ingot:b", "TargetAddress=10.0.0.1:3260,1"]],
  ["iqn.2026-11.org.ingot:none", []],
  ["", ["SendTargets=Reject"]],
])("discovery: SendTargets=%s", async (wanted, expected) => {
  expect((await ask(new Harness({ directory: others }), true, `SendTargets=${wanted}`)).lines).toEqual(expected);
});

test.each([
  ["", [`TargetName=${TARGET_NAME}`, "TargetAddress=10.0.0.1:3260,1"]],
  [TARGET_NAME, [`TargetName=${TARGET_NAME}`, "TargetAddress=10.0.0.1:3260,1"]],
  ["All", [`TargetName=${TARGET_NAME}`, "TargetAddress=10.0.0.1:3260,1"]],
  ["iqn.2026-11.org.ingot:b", ["SendTargets=Reject"]],
])("a normal session hears of its own target only: SendTargets=%s", async (wanted, expected) => {
  expect((await ask(new Harness({ directory: others }), false, `SendTargets=${wanted}`)).lines).toEqual(expected);
});

test("every portal of the server is listed with its group, and the session knows by which it came", async () => {
  const harness = new Harness({ portals: ["10.0.0.1:3260", "10.1.0.1:3260"] });
  const { lines } = await ask(harness, true, "SendTargets=All");
  expect(lines).toEqual([
    `TargetName=${TARGET_NAME}`,
    "TargetAddress=10.0.0.1:3260,1",
    "TargetAddress=10.1.0.1:3260,2",
  ]);
  const other = harness.connect("10.1.0.1:3260");
  other.send(loginRequest(LoginFlags.security, [`InitiatorName=${INITIATOR_NAME}`, `TargetName=${TARGET_NAME}`]));
  expect((await other.receive())[0]?.keys).toEqual({ TargetPortalGroupTag: "2" });
});

test("the same initiator port through another portal is another session, not the same one again", async () => {
  const harness = new Harness({ portals: ["10.0.0.1:3260", "10.1.0.1:3260"] });
  for (const portal of ["10.0.0.1:3260", "10.1.0.1:3260"]) {
    const connection = harness.connect(portal);
    const names = [`InitiatorName=${INITIATOR_NAME}`, `TargetName=${TARGET_NAME}`];
    connection.send(loginRequest(LoginFlags.operationalToFullFeature, names));
    await connection.receive();
  }
  expect(harness.target.sessions().map(({ portalGroupTag }) => portalGroupTag)).toEqual([1, 2]);
});

test("targets elsewhere keep the portals and groups that the directory gives", async () => {
  const list = async () => [{ targetName: "iqn.2026-11.org.ingot:a", portals: ["10.9.0.1:3260,7", "10.9.0.2:3260"] }];
  const { lines } = await ask(new Harness({ directory: { list } }), true, "SendTargets=All");
  expect(lines.slice(1)).toEqual(["TargetAddress=10.9.0.1:3260,7", "TargetAddress=10.9.0.2:3260,1"]);
});

test("MaxRecvDataSegmentLength may be declared anew in full feature phase, and then holds", async () => {
  const { connection } = await ask(new Harness(), false, "MaxRecvDataSegmentLength=1024");
  connection.cmdSN = 2;
  connection.command(read10(0, 8), { flags: READS, expected: 4096 });
  expect((await connection.receive()).map(({ data }) => data.length)).toEqual([1024, 1024, 1024, 1024]);
});

test("keys that nobody has in full feature phase are not understood", async () => {
  expect((await ask(new Harness(), false, "InitialR2T=No", "X-a=1")).lines).toEqual([
    "InitialR2T=NotUnderstood",
    "X-a=NotUnderstood",
  ]);
});

test.each([
  ["a tag that we never gave", { word20: 77 }, 0x09],
  ["F and C together", { word20: 0xffff_ffff, flags: 0xc0 }, 0x04],
])("a text request with %s is rejected, and the session lives", async (_, fields, reason) => {
  const connection = await new Harness().login();
  connection.send(pdu("text", { itt: 5, cmdSN: connection.cmdSN++, ...fields }));
  const [reject] = await connection.receive();
  expect(reject?.opcode).toBe(0x3f);
  expect(reject?.header[2]).toBe(reason);
  connection.command([0x00]);
  expect(await connection.receive()).toMatchObject([{ opcode: 0x21, flags: 0x80 }]);
});

test("a second text request while one is being answered is rejected", async () => {
  const connection = await new Harness().login();
  for (const itt of [5, 6]) {
    connection.send(pdu("text", { itt, word20: 0xffff_ffff, cmdSN: connection.cmdSN++, data: text("SendTargets=") }));
  }
  expect((await connection.receive()).map(({ opcode }) => opcode)).toEqual([0x3f, 0x24]);
});

test("a request that spans PDUs is answered once, when it is whole", async () => {
  const connection = await new Harness().login();
  const whole = text(`SendTargets=${TARGET_NAME}`);
  connection.send(pdu("text", { itt: 5, word20: 0xffff_ffff, flags: 0x40, cmdSN: 1, data: whole.slice(0, 9) }));
  const [asking] = await connection.receive();
  expect(asking).toMatchObject({ opcode: 0x24, flags: 0x00, data: new Uint8Array(0) });
  connection.send(pdu("text", { itt: 5, word20: asking?.ttt ?? 0, cmdSN: 2, data: whole.slice(9) }));
  expect((await connection.receive())[0]).toMatchObject({ flags: 0x80, keys: { TargetName: TARGET_NAME } });
});
