import type { Digest } from "./digest.ts";
import type { Codec } from "./pack.ts";

/** What a codec worker can be asked. The bytes are moved, not copied: the sender loses them. */
export type CodecTask =
  | { readonly kind: "hash"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "compress"; readonly bytes: Uint8Array<ArrayBuffer> }
  | {
      readonly kind: "open";
      readonly bytes: Uint8Array<ArrayBuffer>;
      readonly codec: Codec;
      readonly plainLength: number;
      readonly digest: Digest;
    }
  | { readonly kind: "checkPack"; readonly bytes: Uint8Array<ArrayBuffer>; readonly pack: Digest };

/** What comes back, by kind of task. `hash` and `compress` give the bytes back. */
export interface CodecAnswers {
  hash: { readonly digest: Digest; readonly bytes: Uint8Array<ArrayBuffer> };
  compress: { readonly codec: Codec; readonly payload: Uint8Array<ArrayBuffer> };
  open: { readonly plain: Uint8Array<ArrayBuffer> } | { readonly damage: string };
  checkPack: PackCheck;
}

/** A pack file that was hashed. When the hash is wrong, every chunk that the table still shows was tried. */
export interface PackCheck {
  /** What is wrong; `undefined` when the file is what its name says. */
  readonly damage: string | undefined;
  /** Chunks that do not verify. Empty with `damage` set when the table itself is unreadable. */
  readonly badChunks: readonly Digest[];
  /** Whether the table could be read. */
  readonly tableReadable: boolean;
}

/** A task on its way to a worker. */
export interface CodecRequest {
  readonly task: CodecTask;
}

/** A worker's answer: exactly one of the two. */
export interface CodecResponse {
  readonly answer?: CodecAnswers[CodecTask["kind"]];
  /** The task failed in a way that is our own fault. */
  readonly failure?: string;
}
