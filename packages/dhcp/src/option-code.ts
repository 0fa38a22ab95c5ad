/** DHCP option codes by name (RFC 2132 unless said otherwise). */
export const OptionCode = {
  pad: 0,
  subnetMask: 1,
  router: 3,
  domainNameServer: 6,
  hostName: 12,
  domainName: 15,
  rootPath: 17,
  broadcastAddress: 28,
  /** Vendor-specific information; PXE puts its own sub-options here (PXE 2.1 §2.2). */
  vendorSpecific: 43,
  requestedAddress: 50,
  leaseTime: 51,
  overload: 52,
  messageType: 53,
  serverIdentifier: 54,
  parameterRequestList: 55,
  message: 56,
  maximumMessageSize: 57,
  renewalTime: 58,
  rebindingTime: 59,
  vendorClass: 60,
  clientIdentifier: 61,
  tftpServerName: 66,
  bootFileName: 67,
  /** RFC 3004. */
  userClass: 77,
  /** RFC 3046. */
  relayAgentInformation: 82,
  /** RFC 4578 §2.1. */
  clientArchitecture: 93,
  /** RFC 4578 §2.2. */
  clientNetworkInterface: 94,
  /** RFC 4578 §2.3. */
  clientMachineIdentifier: 97,
  /** iPXE's encapsulated options (Etherboot's registration, not an RFC). */
  ipxeEncapsulated: 175,
  end: 255,
} as const;

/** One of the values of `OptionCode`. */
export type OptionCode = (typeof OptionCode)[keyof typeof OptionCode];

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(OptionCode).map(([name, code]) => [code, name]));

/** The option's name here, or `option N` for one that this package only carries. */
export function nameOfOption(code: number): string {
  return NAMES.get(code) ?? `option ${code}`;
}
