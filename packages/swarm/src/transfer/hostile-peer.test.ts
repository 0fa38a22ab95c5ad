import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Disks } from "../../test/transfer-image.ts";
import {
  IMAGE,
  Member,
  chunksOf,
  failureOf,
  head,
  nothing,
  pieceStream,
  startLiar,
} from "../../test/transfer-members.ts";
import { ChunkCodec, encodeChunkStream } from "./chunk-stream.ts";

describe("a hostile peer", () => {
  let receiver: Member;
  beforeAll(async () => {
    receiver = await Member.start();
  });
  afterAll(async () => {
    await receiver.engine.close();
  });

  const stream = pieceStream(1);
  const flipped = stream.slice();
  flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
  const reordered = encodeChunkStream(
    [...chunksOf(1)]
      .reverse()
      .map((chunk) => ({ chunk, codec: ChunkCodec.stored, payload: new Uint8Array(IMAGE.pieceMap.lengthOf(chunk)) })),
  );

  it.each<[string, (socket: TLSSocket) => void, string, number]>([
    [
      "sends one wrong bit",
      (s) => s.write(Buffer.concat([Buffer.from(head(stream.length)), flipped])),
      "wrong-bytes",
      -1,
    ],
    [
      "sends other chunks",
      (s) => s.write(Buffer.concat([Buffer.from(head(stream.length)), reordered])),
      "wrong-bytes",
      0,
    ],
    ["sends garbage for a stream", (s) => s.write(head(1000) + "x".repeat(1000)), "wrong-bytes", 0],
    [
      "sends less than the piece",
      (s) => s.write(Buffer.concat([Buffer.from(head(stream.length - 1)), stream.subarray(0, -1)])),
      "wrong-bytes",
      -1,
    ],
    ["sends nothing", (s) => s.write(head(0)), "wrong-bytes", 0],
    ["announces too much", (s) => s.write(head(10 ** 14)), "wrong-bytes", 0],
    [
      "sends more than it announced",
      (s) => s.write(Buffer.concat([Buffer.from(head(10)), stream.subarray(0, 20)])),
      "wrong-bytes",
      0,
    ],
    ["does not speak HTTP", (s) => s.write("SSH-2.0-OpenSSH_9.2\r\n\r\n"), "wrong-bytes", 0],
    ["announces no length", (s) => s.write("HTTP/1.1 200 OK\r\n\r\nabc"), "wrong-bytes", 0],
    [
      "frames its answer in another way",
      (s) => s.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
      "wrong-bytes",
      0,
    ],
    ["has a head without an end", (s) => s.write("HTTP/1.1 200 OK\r\n" + "a: b\r\n".repeat(4000)), "wrong-bytes", 0],
    [
      "stalls in the middle",
      (s) => s.write(Buffer.concat([Buffer.from(head(stream.length)), stream.subarray(0, -1)])),
      "stalled",
      -1,
    ],
    ["never answers", () => undefined, "stalled", 0],
    [
      "breaks off",
      (s) => s.end(Buffer.concat([Buffer.from(head(stream.length)), stream.subarray(0, -1)])),
      "unreachable",
      -1,
    ],
    ["resets the connection", (s) => s.destroy(), "unreachable", 0],
    ["is busy", (s) => s.write("HTTP/1.1 503 Busy\r\nContent-Length: 3\r\n\r\nno\n"), "refused", 0],
    ["refuses at length", (s) => s.write("HTTP/1.1 500 Oh\r\nContent-Length: 99999999\r\n\r\nno\n"), "refused", 0],
  ])("that %s is told of", async (_name, answer, code, writtenEnd) => {
    using disks = new Disks();
    const image = await receiver.openDisk(disks.open("target", Buffer.alloc(IMAGE.bytes.length)), nothing());
    const { server, door } = await startLiar(answer);
    const error = await failureOf(image.fetch({ piece: 1, from: door, stallMs: 500 }));
    expect(error.code).toBe(code);
    // What came right before is kept.
    expect(error.written).toEqual(chunksOf(1).slice(0, writtenEnd));
    // And counted, with what came for nothing.
    if (writtenEnd !== 0) expect(error.wireBytes).toBeGreaterThanOrEqual(stream.length - 1);
    expect(chunksOf(1).filter((chunk) => image.has(chunk))).toEqual(error.written);
    // The thread is none the worse.
    expect(await image.write(1, pieceStream(1))).toMatchObject({ wireBytes: pieceStream(1).length });
    await image.close();
    server.close();
  });
});
