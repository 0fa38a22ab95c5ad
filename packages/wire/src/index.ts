export { concatBytes, bytesFromHex, hexFromBytes } from "./hex.ts";
export { crc32c } from "./crc32c.ts";
export { DecodeError } from "./decode-error.ts";
export type { DecodeErrorCode, DecodeErrorDetails } from "./decode-error.ts";
export {
  broadcastOf,
  ipv4FromBytes,
  ipv4FromNumber,
  ipv4ToBytes,
  ipv4ToNumber,
  netmaskOf,
  networkContains,
  parseIpv4,
  parseIpv4Network,
} from "./ipv4.ts";
export type { Ipv4, Ipv4Network } from "./ipv4.ts";
export { macFromBytes, macToBytes, parseMac } from "./mac.ts";
export type { Mac } from "./mac.ts";
export { Reader } from "./reader.ts";
export { serialAdd, serialLess, serialLessOrEqual } from "./serial.ts";
export { parseUuid, uuidFromBytes, uuidFromSmbiosBytes, uuidToBytes } from "./uuid.ts";
export type { Uuid } from "./uuid.ts";
export { Writer } from "./writer.ts";
