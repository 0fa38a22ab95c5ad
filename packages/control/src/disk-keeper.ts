/** What the product needs of an open disk; an iSCSI target needs more. */
export interface OpenDisk {
  readonly sizeBytes: number;
}

/** Where overlays are. Calls for one machine never overlap. */
export interface DiskKeeper<Device extends OpenDisk> {
  /** Opens the machine's overlay over the version, making an empty one where there is none. Called while it is open: the same device. */
  open(machineId: string, manifestId: string): Promise<Device>;
  /** Makes everything written durable and lets go. Called when no session is left. MUST be idempotent. */
  release(machineId: string): Promise<void>;
  /** The machine says that it is up: its boot is over. MAY be called for any machine, at any time. */
  booted?(machineId: string): Promise<void>;
  /** Throws the machine's changes away. Called only while nothing is open. MUST be idempotent, and leave old or new after a crash. */
  discard(machineId: string): Promise<void>;
  /** What the overlay takes, in bytes; 0 where there is none. MUST be cheap: it is called for every disk on a list. */
  overlayBytes(machineId: string): Promise<number>;
}
