/** A disk that an initiator can log in to. */
export interface DiskAddress {
  readonly address: string;
  readonly port: number;
  readonly target: string;
  readonly lun: number;
}

/** As libiscsi and QEMU write it. */
export function formatUrl({ address, port, target, lun }: DiskAddress): string {
  return `iscsi://${address}:${port}/${target}/${lun}`;
}

/** A target program that is running. */
export interface RunningTarget extends AsyncDisposable {
  /** Process whose threads serve. */
  readonly pid: number;
}
