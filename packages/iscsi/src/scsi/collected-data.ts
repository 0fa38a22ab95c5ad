import type { DataOutExecution } from "./execution.ts";
import { CheckCondition, SenseOf } from "./sense.ts";

/** Collects all data, then acts on it in one step: for commands whose data means something only as a whole. */
export class CollectedData implements DataOutExecution {
  readonly kind = "dataOut";
  readonly granularity = 1;
  readonly length: number;
  readonly #bytes: Uint8Array;
  readonly #act: (bytes: Uint8Array) => void | Promise<void>;

  /** `act` gets what the initiator gave, at most `length` bytes. */
  constructor(length: number, act: (bytes: Uint8Array) => void | Promise<void>) {
    this.length = length;
    this.#bytes = new Uint8Array(length);
    this.#act = act;
  }

  consume(offset: number, bytes: Uint8Array): void {
    this.#bytes.set(bytes, offset);
  }

  finish(received: number): void | Promise<void> {
    return this.#act(this.#bytes.subarray(0, received));
  }
}

/**
 * Throws INVALID FIELD IN CDB unless the initiator gives exactly what the command takes: half of a pattern is none,
 * and a residual would hide that CDB and data do not belong together.
 */
export function requireDataOut(given: number, wanted: number): void {
  if (given !== wanted) throw new CheckCondition(SenseOf.invalidFieldInCdb);
}
