import type { WriteFailure } from "./deploy-descriptor-file.ts";
import type { ChunkPlace } from "./deploy-plan.ts";
import type { DiskRange } from "./deploy-target.ts";

/** Work on a descriptor that would hold up the event loop. Descriptors belong to the whole process. */
export type DeployTask =
  | { readonly kind: "check"; readonly fd: number; readonly places: readonly ChunkPlace[] }
  | { readonly kind: "zero" | "findNonZero"; readonly fd: number; readonly offset: number; readonly length: number };

/** What came of it. */
export type DeployAnswer =
  | { readonly kind: "checked"; readonly states: Uint8Array<ArrayBuffer> }
  | { readonly kind: "zeroed"; readonly failure: WriteFailure | undefined }
  | { readonly kind: "looked"; readonly nonZero: readonly DiskRange[] };

/** A task on its way to a thread. */
export interface DeployRequest {
  readonly id: number;
  readonly task: DeployTask;
}

/** A thread's word about it. */
export type DeployResponse =
  | { readonly id: number; readonly answer: DeployAnswer }
  | { readonly id: number; readonly error: unknown };
