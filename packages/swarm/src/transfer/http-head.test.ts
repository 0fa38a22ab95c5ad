import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseRequestHead, parseResponseHead } from "./http-head.ts";
import { formatPiecePath, parsePiecePath, rangesOf } from "./piece-path.ts";

const ID = "ab".repeat(32);

describe("the head of a request", () => {
  it("is read, with fields that do not matter", () => {
    expect(parseRequestHead("GET /a?b HTTP/1.1\r\nHost: x\r\nUser-Agent: curl/7\r\nAccept: */*")).toEqual({
      method: "GET",
      target: "/a?b",
      closes: false,
    });
    expect(parseRequestHead("GET / HTTP/1.1\r\nhost:\r\nCONNECTION: Close")?.closes).toBe(true);
  });

  it.each([
    "",
    "GET / HTTP/1.0\r\nHost: x",
    "GET / HTTP/1.1",
    "GET / HTTP/1.1\r\nHost: x\r\nHost: y",
    "GET  / HTTP/1.1\r\nHost: x",
    "GET / HTTP/1.1\r\nHost : x",
    "GET / HTTP/1.1\r\nHost: x\r\n folded",
    "GET / HTTP/1.1\r\nHost: x\nContent-Length: 3",
    "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3",
    "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked",
  ])("is refused: %j", (text) => {
    expect(parseRequestHead(text)).toBeUndefined();
  });
});

describe("the head of an answer", () => {
  it("is read", () => {
    expect(parseResponseHead("HTTP/1.1 200 OK\r\nContent-Length: 17\r\nDate: now")).toEqual({
      status: 200,
      contentLength: 17,
      closes: false,
    });
  });

  it.each([
    "",
    "HTTP/1.0 200 OK\r\nContent-Length: 17",
    "HTTP/1.1 200 OK",
    "HTTP/1.1 2000 OK\r\nContent-Length: 17",
    "HTTP/1.1 200 OK\r\nContent-Length: -1",
    "HTTP/1.1 200 OK\r\nContent-Length: 1e3",
    "HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999",
    "HTTP/1.1 200 OK\r\nContent-Length: 17\r\nContent-Length: 18",
    "HTTP/1.1 200 OK\r\nContent-Length: 17\r\nTransfer-Encoding: chunked",
  ])("is refused: %j", (text) => {
    expect(parseResponseHead(text)).toBeUndefined();
  });

  it("of any text is read or refused", () => {
    fc.assert(fc.property(fc.string(), (text) => void parseResponseHead(`HTTP/1.1 200 OK\r\n${text}`)));
  });
});

describe("the path of a piece", () => {
  it("is this text", () => {
    expect(formatPiecePath(ID, 7, undefined)).toBe(`/images/${ID}/pieces/7`);
    expect(formatPiecePath(ID, 7, [3, 4, 5, 9])).toBe(`/images/${ID}/pieces/7?chunks=3-5,9`);
  });

  it("comes back", () => {
    const sets = fc.uniqueArray(fc.nat(5000), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(sets, fc.nat(99_999_999), (set, piece) => {
        const chunks = set.toSorted((a, b) => a - b);
        expect(parsePiecePath(formatPiecePath(ID, piece, chunks))).toEqual({
          manifestId: ID,
          piece,
          ranges: rangesOf(chunks),
        });
      }),
    );
  });

  it.each([
    "/",
    `/images/${ID}/pieces/`,
    `/images/${ID}/pieces/-1`,
    `/images/${ID.toUpperCase()}/pieces/1`,
    `/images/${ID}/pieces/1?chunks=`,
    `/images/${ID}/pieces/1?chunks=5-4`,
    `/images/${ID}/pieces/1?chunks=5,5`,
    `/images/${ID}/pieces/1?chunks=1-2-3`,
    `/images/${ID}/pieces/1?chunks=1,,2`,
    `/images/${ID}/pieces/1?chunks=1&x=2`,
    `/images/${ID}/pieces/1?chunks=${Array.from({ length: 513 }, (_, i) => i * 2).join()}`,
    `/images/${ID}/pieces/123456789`,
  ])("is refused: %s", (path) => {
    expect(parsePiecePath(path)).toBeUndefined();
  });
});
