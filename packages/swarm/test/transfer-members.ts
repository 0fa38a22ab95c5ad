import type { AddressInfo } from "node:net";
import { type Server, type TLSSocket, createServer } from "node:tls";
import { SwarmError } from "../src/errors.ts";
import { type Identity, createIdentity } from "../src/identity/identity.ts";
import { ChunkCodec, encodeChunkStream } from "../src/transfer/chunk-stream.ts";
import { TransferEngine } from "../src/transfer/engine-worker.ts";
import type { BulkAddress, OpenImage, TransferEngineOptions } from "../src/transfer/transfer.ts";
import { type TestImage, makeImage } from "./transfer-image.ts";

export const IMAGE: TestImage = makeImage(40, 512 * 1024);

/** An engine with its door. */
export class Member implements AsyncDisposable {
  readonly engine: TransferEngine;
  readonly identity: Identity;
  readonly door: BulkAddress;

  private constructor(engine: TransferEngine, identity: Identity) {
    this.engine = engine;
    this.identity = identity;
    this.door = { host: "127.0.0.1", port: engine.port, fingerprint: identity.fingerprint };
  }

  static async start(options: Partial<TransferEngineOptions> = {}): Promise<Member> {
    const identity = createIdentity();
    const listen = { address: "127.0.0.1", port: 0 };
    const engine = await TransferEngine.start({
      threads: 1,
      identity,
      listen,
      maxUploads: 32,
      cacheBytes: 4 * 1024 * 1024,
      ...options,
    });
    return new Member(engine, identity);
  }

  /** A member that gives `IMAGE` to the others. */
  static async startFor(others: readonly Member[], options: Partial<TransferEngineOptions> = {}): Promise<Member> {
    const member = await Member.start(options);
    for (const { identity } of others) member.engine.allow(identity.fingerprint, IMAGE.manifestId);
    return member;
  }

  async openDisk(fd: number, held: Uint8Array | "all", image: TestImage = IMAGE, offset = 0): Promise<OpenImage> {
    const { manifestId, pieceMap } = image;
    return await this.engine.open({ manifestId, pieceMap, source: { kind: "disk", fd, offset, held } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine.close();
  }
}

/** No chunk is held. */
export function nothing(image: TestImage = IMAGE): Uint8Array {
  return new Uint8Array(Math.ceil(image.pieceMap.chunkCount / 8));
}

/** The chunk numbers of a piece. */
export function chunksOf(piece: number, image: TestImage = IMAGE): number[] {
  const { first, end } = image.pieceMap.chunksOf(piece);
  return Array.from({ length: end - first }, (_, index) => first + index);
}

/** What it rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<SwarmError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof SwarmError) return error;
    throw error;
  }
  throw new Error("did not fail");
}

/** A peer that answers every request with what `answer` gives, or breaks off after it. */
export async function startLiar(answer: (socket: TLSSocket) => void): Promise<{ server: Server; door: BulkAddress }> {
  const { keyPem, certPem, fingerprint } = createIdentity();
  const server = createServer({ key: keyPem, cert: certPem }, (socket) => {
    socket.on("error", () => undefined);
    socket.on("data", () => answer(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, door: { host: "127.0.0.1", port: (server.address() as AddressInfo).port, fingerprint } };
}

/** A piece as it travels when nothing is compressed. */
export function pieceStream(piece: number): Uint8Array<ArrayBuffer> {
  const { pieceMap, bytes } = IMAGE;
  return encodeChunkStream(
    chunksOf(piece).map((chunk) => {
      const [offset = 0] = pieceMap.offsetsOf(chunk);
      return { chunk, codec: ChunkCodec.stored, payload: bytes.subarray(offset, offset + pieceMap.lengthOf(chunk)) };
    }),
  );
}

/** The head of an answer with a piece. */
export function head(length: number): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`;
}
