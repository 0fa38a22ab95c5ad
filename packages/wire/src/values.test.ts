import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  broadcastOf,
  bytesFromHex,
  concatBytes,
  crc32c,
  hexFromBytes,
  ipv4FromNumber,
  ipv4ToBytes,
  ipv4ToNumber,
  macFromBytes,
  macToBytes,
  netmaskOf,
  networkContains,
  parseIpv4,
  parseIpv4Network,
  parseMac,
  parseUuid,
  serialAdd,
  serialLess,
  serialLessOrEqual,
  uuidFromBytes,
  uuidFromSmbiosBytes,
  uuidToBytes,
} from "./index.ts";

const ascii = new TextEncoder();

describe("MAC address", () => {
  test.each(["52:54:00:AB:cd:ef", "52-54-00-ab-cd-ef", "5254.00ab.cdef", "525400abcdef"])(
    "%s is read into one form",
    (text) => {
      expect(parseMac(text)).toBe("52:54:00:ab:cd:ef");
    },
  );

  test.each([
    "",
    "52:54:00:ab:cd",
    "52:54:00:ab:cd:ef:00",
    "52:54:00:ab:cd-ef",
    "5254:00ab:cdef",
    "g2:54:00:ab:cd:ef",
    "52:54:00:ab:cd:ef\n",
  ])("%j is refused", (text) => {
    expect(() => parseMac(text)).toThrow(expect.objectContaining({ code: "invalid" }));
  });

  test("bytes and text are each other's inverse", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) => {
        expect(macToBytes(macFromBytes(bytes))).toEqual(bytes);
      }),
    );
  });
});

describe("IPv4", () => {
  test.each(["", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.x", " 1.2.3.4"])("%j is refused", (text) => {
    expect(() => parseIpv4(text)).toThrow(expect.objectContaining({ code: "invalid" }));
  });

  test("numbers keep the highest bit", () => {
    expect(ipv4ToNumber(parseIpv4("255.0.0.1"))).toBe(0xff000001);
    expect(ipv4FromNumber(0xff000001)).toBe("255.0.0.1");
    expect([...ipv4ToBytes(parseIpv4("10.0.2.15"))]).toEqual([10, 0, 2, 15]);
  });

  test.each([
    ["10.0.0.1/24", "255.255.255.0", "10.0.0.255", "10.0.0.77", "10.0.1.77"],
    ["192.168.5.9/30", "255.255.255.252", "192.168.5.11", "192.168.5.8", "192.168.5.12"],
    ["172.16.0.1/32", "255.255.255.255", "172.16.0.1", "172.16.0.1", "172.16.0.2"],
  ])("%s: mask, broadcast, inside and outside", (text, mask, broadcast, inside, outside) => {
    const network = parseIpv4Network(text);
    expect(netmaskOf(network)).toBe(mask);
    expect(broadcastOf(network)).toBe(broadcast);
    expect(networkContains(network, parseIpv4(inside))).toBe(true);
    expect(networkContains(network, parseIpv4(outside))).toBe(false);
  });

  test("a network of all addresses contains every one", () => {
    expect(networkContains(parseIpv4Network("0.0.0.0/0"), parseIpv4("203.0.113.9"))).toBe(true);
  });

  test.each(["10.0.0.1", "10.0.0.1/33", "10.0.0.1/", "10.0.0.1/8/8", "10.0.0.1/08"])(
    "the network %j is refused",
    (text) => {
      expect(() => parseIpv4Network(text)).toThrow(expect.objectContaining({ code: "invalid" }));
    },
  );
});

describe("UUID", () => {
  const bytes = bytesFromHex("00112233445566778899aabbccddeeff");

  test("network order", () => {
    expect(uuidFromBytes(bytes)).toBe("00112233-4455-6677-8899-aabbccddeeff");
    expect(uuidToBytes(parseUuid("00112233-4455-6677-8899-AABBCCDDEEFF"))).toEqual(bytes);
  });

  test.each([
    ["a Uint8Array", bytesFromHex("33221100554477668899aabbccddeeff")],
    ["a Buffer", Buffer.from("33221100554477668899aabbccddeeff", "hex")],
  ])(
    "SMBIOS §7.2.1's own example, in %s, which stays as it was: the first three fields are little-endian",
    (_name, stored) => {
      const before = hexFromBytes(stored);
      expect(uuidFromSmbiosBytes(stored)).toBe("00112233-4455-6677-8899-aabbccddeeff");
      expect(hexFromBytes(stored)).toBe(before);
    },
  );

  test.each(["", "00112233445566778899aabbccddeeff", "00112233-4455-6677-8899-aabbccddeef"])(
    "%j is refused",
    (text) => {
      expect(() => parseUuid(text)).toThrow(expect.objectContaining({ code: "invalid" }));
    },
  );
});

describe("CRC-32C", () => {
  // RFC 3720 appendix B.4, as the numbers that its byte strings hold in wire order.
  test.each([
    ["32 zeros", new Uint8Array(32), 0x8a9136aa],
    ["32 ones", new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ["32 incrementing", Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ["32 decrementing", Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ["the check value", ascii.encode("123456789"), 0xe3069283],
  ])("%s", (_name, bytes, crc) => {
    expect(crc32c(bytes)).toBe(crc);
  });

  test("parts in a row give the CRC of the whole, wherever it is cut", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 100 }), (a, b) => {
        expect(crc32c(b, crc32c(a))).toBe(crc32c(concatBytes([a, b])));
      }),
    );
  });
});

describe("serial numbers (RFC 1982)", () => {
  test("wrap around at 2^32", () => {
    expect(serialAdd(0xffffffff, 2)).toBe(1);
    expect(serialLess(0xffffffff, 1)).toBe(true);
    expect(serialLess(1, 0xffffffff)).toBe(false);
    expect(serialLessOrEqual(7, 7)).toBe(true);
    expect(serialLess(7, 7)).toBe(false);
  });

  test("two values half the circle apart have no order", () => {
    expect(serialLess(0, 0x80000000)).toBe(false);
    expect(serialLess(0x80000000, 0)).toBe(false);
  });
});

describe("hex", () => {
  test("bytes and text are each other's inverse", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(bytesFromHex(hexFromBytes(bytes))).toEqual(bytes);
      }),
    );
  });

  test.each(["0", "0g", "+1", " 1"])("%j is refused", (text) => {
    expect(() => bytesFromHex(text)).toThrow(expect.objectContaining({ code: "invalid" }));
  });
});
