import { ChunkError } from "@ingot/chunks";
import { ControlError } from "./errors.ts";

/** Throws what an error of the chunk store means for the asker; other errors pass through. */
export function translateChunkError(error: unknown): never {
  if (!(error instanceof ChunkError)) throw error;
  switch (error.code) {
    case "no-space":
      throw new ControlError("outOfSpace", `${error.message}; nothing was changed`, { cause: error });
    case "missing":
    case "damaged":
      throw new ControlError("damaged", error.message, { cause: error });
    case "invalid-source":
    case "too-large":
      throw new ControlError("invalidRequest", error.message, { cause: error });
    case "closed":
    case "aborted":
      throw new ControlError("busy", error.message, { cause: error });
    case "unsupported":
    case "invalid-key":
    case "io":
      throw error;
  }
}
