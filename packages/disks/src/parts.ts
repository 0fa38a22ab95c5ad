/** A piece of an operation: done at once (returns nothing or throws) or later. */
export type Part = () => void | Promise<void>;

/**
 * Starts all parts of one operation. Returns nothing when all were done at once; otherwise resolves when all have
 * settled. The first error is thrown only then: nothing of the operation is under way any more when it fails.
 */
export function runParts(parts: readonly Part[]): void | Promise<void> {
  const errors: unknown[] = [];
  const pending: Promise<void>[] = [];
  for (const part of parts) {
    try {
      const result = part();
      if (result !== undefined) {
        pending.push(
          result.catch((error: unknown) => {
            errors.push(error);
          }),
        );
      }
    } catch (error) {
      errors.push(error);
    }
  }
  if (pending.length === 0) return throwFirst(errors);
  return Promise.all(pending).then(() => throwFirst(errors));
}

/** Runs `step` after `first`, at once when `first` was done at once. */
export function afterwards(first: void | Promise<void>, step: Part): void | Promise<void> {
  return first === undefined ? step() : first.then(() => step());
}

function throwFirst(errors: readonly unknown[]): void {
  if (errors.length > 0) throw errors[0];
}
