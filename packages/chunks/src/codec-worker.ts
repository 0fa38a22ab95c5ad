import { parentPort } from "node:worker_threads";
import { DecodeError } from "@ingot/wire";
import { PayloadError, compressChunk, openChunk } from "./codec.ts";
import type { CodecAnswers, CodecRequest, CodecResponse, CodecTask, PackCheck } from "./codec-tasks.ts";
import { sha256 } from "./digest.ts";
import type { Digest } from "./digest.ts";
import { decodePack } from "./pack.ts";

/** The program of a codec worker thread: one task at a time, bytes moved in both directions. */
function answer(task: CodecTask): CodecAnswers[CodecTask["kind"]] {
  switch (task.kind) {
    case "hash":
      return { digest: sha256(task.bytes), bytes: task.bytes };
    case "compress":
      return compressChunk(task.bytes);
    case "open":
      try {
        return { plain: openChunk(task.codec, task.bytes, task.plainLength, task.digest) };
      } catch (error) {
        if (error instanceof PayloadError) return { damage: error.message };
        throw error;
      }
    case "checkPack":
      return checkPack(task.bytes, task.pack);
  }
}

function checkPack(bytes: Uint8Array<ArrayBuffer>, pack: Digest): PackCheck {
  const got = sha256(bytes);
  if (got === pack) return { damage: undefined, badChunks: [], tableReadable: true };
  const damage = `the file's SHA-256 is ${got}`;
  let entries;
  try {
    entries = decodePack(bytes);
  } catch (error) {
    if (error instanceof DecodeError) {
      return { damage: `${damage}; ${error.message}`, badChunks: [], tableReadable: false };
    }
    throw error;
  }
  const badChunks: Digest[] = [];
  for (const { codec, offset, storedLength, plainLength, digest } of entries) {
    try {
      openChunk(codec, bytes.subarray(offset, offset + storedLength), plainLength, digest);
    } catch (error) {
      if (!(error instanceof PayloadError)) throw error;
      badChunks.push(digest);
    }
  }
  return { damage, badChunks, tableReadable: true };
}

function transferOf(response: CodecAnswers[CodecTask["kind"]]): ArrayBuffer[] {
  if ("bytes" in response) return [response.bytes.buffer];
  if ("payload" in response) return [response.payload.buffer];
  if ("plain" in response && response.plain.byteLength * 2 > response.plain.buffer.byteLength) {
    return [response.plain.buffer];
  }
  return [];
}

parentPort?.on("message", ({ task }: CodecRequest) => {
  let response: CodecResponse;
  let transfer: ArrayBuffer[] = [];
  try {
    const answered = answer(task);
    response = { answer: answered };
    transfer = transferOf(answered);
  } catch (error) {
    response = { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  parentPort?.postMessage(response, transfer);
});
