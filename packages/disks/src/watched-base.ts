import type { ReadableDevice } from "./block-device.ts";

/** The same device, which tells of each read before it is answered; the call MUST be cheap and MUST NOT throw. */
export function watchReads(base: ReadableDevice, onBaseRead: (offset: number, length: number) => void): ReadableDevice {
  return {
    sizeBytes: base.sizeBytes,
    read(offset, into) {
      onBaseRead(offset, into.length);
      return base.read(offset, into);
    },
    ...(base.isAllocated !== undefined && { isAllocated: base.isAllocated.bind(base) }),
  };
}
