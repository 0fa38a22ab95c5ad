import { Reader, uuidFromSmbiosBytes } from "@ingot/wire";
import type { Uuid } from "@ingot/wire";
import { OptionCode } from "./option-code.ts";
import type { OptionMap } from "./options.ts";
import { decodeSubOptions, encodeSubOptions } from "./sub-options.ts";

/** Sub-options of option 43 when the vendor class is `PXEClient` (PXE 2.1 §2.2, RFC 4578 keeps them out). */
const PxeSubOption = { discoveryControl: 6, bootItem: 71 } as const;

/** Bit 3 of discovery control: do not look for boot servers, take the boot file of this offer. */
const USE_BOOT_FILE_OF_OFFER = 0x08;

const UUID_TYPE = 0;

/** Version of the client's network interface, option 94 (RFC 4578 §2.2): type 1 is UNDI. */
export interface NetworkInterfaceVersion {
  readonly type: number;
  readonly major: number;
  readonly minor: number;
}

/** The architectures of option 93 in the client's order of preference (RFC 4578 §2.1): a list of 16-bit numbers. */
export function readArchitectures(options: OptionMap): readonly number[] | undefined {
  const value = options.get(OptionCode.clientArchitecture);
  if (value === undefined) return undefined;
  const reader = new Reader(value, "DHCP option 93 (client architecture)");
  const list = [reader.u16()];
  while (reader.remaining > 0) list.push(reader.u16());
  return list;
}

/** Option 94. */
export function readNetworkInterface(options: OptionMap): NetworkInterfaceVersion | undefined {
  const value = options.get(OptionCode.clientNetworkInterface);
  if (value === undefined) return undefined;
  const reader = new Reader(value, "DHCP option 94 (network interface)");
  const version = { type: reader.u8(), major: reader.u8(), minor: reader.u8() };
  reader.end();
  return version;
}

/**
 * The machine's UUID from option 97: a zero byte and 16 bytes as SMBIOS stores them (RFC 4578 §2.3).
 * `undefined` also for another type byte or length: some ROMs send an empty or a shorter value, and a machine without
 * a UUID must boot all the same.
 */
export function readMachineUuid(options: OptionMap): Uuid | undefined {
  const value = options.get(OptionCode.clientMachineIdentifier);
  if (value === undefined || value.length !== 17 || value[0] !== UUID_TYPE) return undefined;
  return uuidFromSmbiosBytes(value.subarray(1));
}

/**
 * The option 43 that tells a PXE client to load the boot file of this very answer; `request` is the client's own
 * option 43, whose boot item (a menu choice, PXE 2.1 §2.2) must come back in the answer of a boot server.
 */
export function encodeUseBootFile(request: Uint8Array | undefined): Uint8Array {
  const rules = { padAndEnd: true };
  const subOptions = new Map<number, Uint8Array>([
    [PxeSubOption.discoveryControl, Uint8Array.of(USE_BOOT_FILE_OF_OFFER)],
  ]);
  const item =
    request === undefined
      ? undefined
      : decodeSubOptions(request, "DHCP option 43 (PXE)", rules).get(PxeSubOption.bootItem);
  if (item !== undefined) subOptions.set(PxeSubOption.bootItem, item);
  return encodeSubOptions(subOptions, rules);
}
