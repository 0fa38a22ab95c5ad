/** A disk whose table is changed: byte ranges in multiples of its sectors. */
export interface DiskBytes {
  readonly sizeBytes: number;
  readonly sectorBytes: number;
  /** A copy. */
  read(offset: number, length: number): Uint8Array;
  write(offset: number, bytes: Uint8Array): void;
  /** Afterwards every write so far survives a power cut. */
  sync(): void;
}
