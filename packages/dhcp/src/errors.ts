/** Why a DHCP configuration or lease log was refused. */
export type DhcpErrorCode =
  | "invalid-range"
  | "range-outside-subnet"
  | "range-includes-server"
  | "range-includes-network-or-broadcast"
  | "range-includes-router"
  | "range-too-large"
  | "reservation-outside-subnet"
  | "reservation-conflict"
  | "reservation-includes-server"
  | "overlapping-subnets"
  | "no-subnet"
  | "invalid-lease-time"
  | "message-too-large"
  | "lease-log-damaged"
  | "lease-log-closed";

/** The operator's fault (a configuration that cannot work) or a lease log that cannot be trusted. Never thrown for a packet from the network. */
export class DhcpError extends Error {
  override readonly name = "DhcpError";
  readonly code: DhcpErrorCode;

  constructor(code: DhcpErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
