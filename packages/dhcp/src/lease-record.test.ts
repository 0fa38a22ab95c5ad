import fc from "fast-check";
import { expect, test } from "vitest";
import { ip } from "../test/messages.ts";
import { MAX_LEASE_RECORD_BYTES } from "./limits.ts";
import { decodeLeaseRecord, encodeLeaseRecord } from "./lease-record.ts";

test("a lease and a deletion, as they stand in the log", () => {
  const lease = { client: "hw:1:525400000001", address: ip("10.0.0.10"), expiresAtMs: 5, hostName: "pc" };
  expect(encodeLeaseRecord({ kind: "save", lease })).toMatchInlineSnapshot(`
    "49726718 {"client":"hw:1:525400000001","address":"10.0.0.10","expiresAtMs":5,"hostName":"pc"}
    "
  `);
  expect(encodeLeaseRecord({ kind: "delete", client: "id:01" })).toMatchInlineSnapshot(`
    "c47164da {"client":"id:01","deleted":true}
    "
  `);
});

test("every record comes back from its line, in one line of bounded length", () => {
  const records = fc.oneof(
    fc.record({
      kind: fc.constant("save" as const),
      lease: fc.record({
        client: fc.string({ maxLength: 513 }).map((text) => text.replaceAll(/[^0-9a-f:]/g, "0")),
        address: fc.nat(255).map((byte) => ip(`10.0.0.${byte}`)),
        expiresAtMs: fc.maxSafeNat(),
        hostName: fc.option(
          fc.array(fc.nat(255), { maxLength: 255 }).map((codes) => String.fromCharCode(...codes)),
          { nil: undefined },
        ),
      }),
    }),
    fc.record({ kind: fc.constant("delete" as const), client: fc.string() }),
  );
  fc.assert(
    fc.property(records, (record) => {
      const line = encodeLeaseRecord(record);
      expect(line.indexOf("\n")).toBe(line.length - 1);
      expect(line.length).toBeLessThan(MAX_LEASE_RECORD_BYTES);
      expect(decodeLeaseRecord(line.slice(0, -1))).toEqual(record);
    }),
  );
});

test("any changed character is noticed", () => {
  const line = encodeLeaseRecord({ kind: "delete", client: "hw:1:525400000001" }).slice(0, -1);
  for (let at = 0; at < line.length; at++) {
    const damaged = line.slice(0, at) + (line[at] === "x" ? "y" : "x") + line.slice(at + 1);
    expect(() => decodeLeaseRecord(damaged)).toThrow(expect.objectContaining({ code: "invalid" }));
    expect(() => decodeLeaseRecord(line.slice(0, at))).toThrow(expect.objectContaining({ code: "invalid" }));
  }
});
