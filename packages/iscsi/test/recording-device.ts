import { MemoryDevice } from "./memory-device.ts";

/** A disk in memory that remembers what was asked of it, in order: `read`, `write`, `discard`, `flush`. */
export class RecordingDevice extends MemoryDevice {
  readonly calls: string[] = [];

  override read(offset: number, into: Uint8Array): void {
    this.calls.push("read");
    super.read(offset, into);
  }

  override write(offset: number, bytes: Uint8Array): void {
    this.calls.push("write");
    super.write(offset, bytes);
  }

  override async flush(): Promise<void> {
    this.calls.push("flush");
    await super.flush();
  }

  override discard(offset: number, length: number): void {
    this.calls.push("discard");
    super.discard(offset, length);
  }
}
