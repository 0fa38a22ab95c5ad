import { expect, test } from "vitest";
import { Harness, INITIATOR_NAME } from "../../test/harness.ts";
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
