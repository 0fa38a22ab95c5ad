/** Sense keys (SPC-4 §4.5.6). */
const SenseKey = {
  noSense: 0x0,
  notReady: 0x2,
  mediumError: 0x3,
  hardwareError: 0x4,
  illegalRequest: 0x5,
  unitAttention: 0x6,
  dataProtect: 0x7,
  copyAborted: 0xa,
  abortedCommand: 0xb,
  miscompare: 0xe,
} as const;
type SenseKey = (typeof SenseKey)[keyof typeof SenseKey];

/** Why a command did not end well. */
export interface Sense {
  readonly key: SenseKey;
  /** Additional sense code in the high byte, its qualifier in the low one. */
  readonly code: number;
  /** INFORMATION: the failing LBA or the offset of a miscompare. */
  readonly information?: number;
  /** Byte of the CDB that is wrong (SPC-4 §4.5.2.4.2). */
  readonly cdbByte?: number;
  /** How much of a long operation is done, of 65536 (SPC-4 §4.5.2.4.4). */
  readonly progress?: number;
}

type SenseName =
  | "none"
  | "sanitizeInProgress"
  | "unreachableCopyTarget"
  | "writeError"
  | "unexpectedUnsolicitedData"
  | "notEnoughUnsolicitedData"
  | "invalidFieldInInformationUnit"
  | "unrecoveredReadError"
  | "parameterListLengthError"
  | "miscompareDuringVerify"
  | "invalidCommandOperationCode"
  | "logicalBlockAddressOutOfRange"
  | "invalidFieldInCdb"
  | "logicalUnitNotSupported"
  | "invalidFieldInParameterList"
  | "tooManyTargetDescriptors"
  | "unsupportedTargetDescriptorTypeCode"
  | "tooManySegmentDescriptors"
  | "unsupportedSegmentDescriptorTypeCode"
  | "inlineDataLengthExceeded"
  | "invalidReleaseOfPersistentReservation"
  | "writeProtected"
  | "powerOnOrReset"
  | "powerOn"
  | "busDeviceReset"
  | "modeParametersChanged"
  | "reservationsPreempted"
  | "reservationsReleased"
  | "registrationsPreempted"
  | "commandsClearedByAnotherInitiator"
  | "sanitizeCommandFailed"
  | "savingParametersNotSupported"
  | "copyAborted"
  | "internalTargetFailure"
  | "protocolServiceCrcError"
  | "insufficientRegistrationResources";

/** The sense data this target sends, named as in SPC-4 annex F. */
export const SenseOf: Readonly<Record<SenseName, Sense>> = {
  none: { key: SenseKey.noSense, code: 0x0000 },
  copyAborted: { key: SenseKey.copyAborted, code: 0x0000 },
  sanitizeInProgress: { key: SenseKey.notReady, code: 0x041b },
  unreachableCopyTarget: { key: SenseKey.copyAborted, code: 0x0804 },
  writeError: { key: SenseKey.mediumError, code: 0x0c00 },
  unexpectedUnsolicitedData: { key: SenseKey.abortedCommand, code: 0x0c0c },
  notEnoughUnsolicitedData: { key: SenseKey.abortedCommand, code: 0x0c0d },
  invalidFieldInInformationUnit: { key: SenseKey.illegalRequest, code: 0x0e03 },
  unrecoveredReadError: { key: SenseKey.mediumError, code: 0x1100 },
  parameterListLengthError: { key: SenseKey.illegalRequest, code: 0x1a00 },
  miscompareDuringVerify: { key: SenseKey.miscompare, code: 0x1d00 },
  invalidCommandOperationCode: { key: SenseKey.illegalRequest, code: 0x2000 },
  logicalBlockAddressOutOfRange: { key: SenseKey.illegalRequest, code: 0x2100 },
  invalidFieldInCdb: { key: SenseKey.illegalRequest, code: 0x2400 },
  logicalUnitNotSupported: { key: SenseKey.illegalRequest, code: 0x2500 },
  invalidFieldInParameterList: { key: SenseKey.illegalRequest, code: 0x2600 },
  tooManyTargetDescriptors: { key: SenseKey.illegalRequest, code: 0x2606 },
  unsupportedTargetDescriptorTypeCode: { key: SenseKey.illegalRequest, code: 0x2607 },
  tooManySegmentDescriptors: { key: SenseKey.illegalRequest, code: 0x2608 },
  unsupportedSegmentDescriptorTypeCode: { key: SenseKey.illegalRequest, code: 0x2609 },
  inlineDataLengthExceeded: { key: SenseKey.illegalRequest, code: 0x260b },
  invalidReleaseOfPersistentReservation: { key: SenseKey.illegalRequest, code: 0x2604 },
  writeProtected: { key: SenseKey.dataProtect, code: 0x2700 },
  powerOnOrReset: { key: SenseKey.unitAttention, code: 0x2900 },
  powerOn: { key: SenseKey.unitAttention, code: 0x2901 },
  busDeviceReset: { key: SenseKey.unitAttention, code: 0x2903 },
  modeParametersChanged: { key: SenseKey.unitAttention, code: 0x2a01 },
  reservationsPreempted: { key: SenseKey.unitAttention, code: 0x2a03 },
  reservationsReleased: { key: SenseKey.unitAttention, code: 0x2a04 },
  registrationsPreempted: { key: SenseKey.unitAttention, code: 0x2a05 },
  commandsClearedByAnotherInitiator: { key: SenseKey.unitAttention, code: 0x2f00 },
  sanitizeCommandFailed: { key: SenseKey.mediumError, code: 0x3103 },
  savingParametersNotSupported: { key: SenseKey.illegalRequest, code: 0x3900 },
  internalTargetFailure: { key: SenseKey.hardwareError, code: 0x4400 },
  protocolServiceCrcError: { key: SenseKey.abortedCommand, code: 0x4705 },
  insufficientRegistrationResources: { key: SenseKey.illegalRequest, code: 0x5504 },
};

/** Ends a command with CHECK CONDITION; thrown by command code, never by a device. */
export class CheckCondition extends Error {
  override readonly name = "CheckCondition";
  readonly sense: Sense;

  constructor(sense: Sense) {
    super(`sense key ${sense.key.toString(16)}h, code ${sense.code.toString(16).padStart(4, "0")}h`);
    this.sense = sense;
  }
}

/** INVALID FIELD IN CDB that says which byte. */
export function invalidCdbByte(cdbByte: number): CheckCondition {
  return new CheckCondition({ ...SenseOf.invalidFieldInCdb, cdbByte });
}

/** Ends a command with RESERVATION CONFLICT. */
export class ReservationConflict extends Error {
  override readonly name = "ReservationConflict";
}

/** Response code of current errors: fixed format (SPC-4 §4.5.3) or descriptors (§4.5.2). */
const FIXED_CURRENT = 0x70;
const DESCRIPTOR_CURRENT = 0x72;
const INFORMATION_VALID = 0x80;
const FIXED_LENGTH = 18;
const INFORMATION_DESCRIPTOR_LENGTH = 12;
const KEY_SPECIFIC_DESCRIPTOR_LENGTH = 8;
/** SKSV: sense-key specific data is there. */
const KEY_SPECIFIC_VALID = 0x80;
/** SKSV and C/D: a field pointer is there, and it points into the CDB. */
const FIELD_IN_CDB = 0xc0;

/** Sense data as it travels. `descriptorFormat` follows D_SENSE of the control mode page. */
export function encodeSense(sense: Sense, descriptorFormat = false): Uint8Array {
  return descriptorFormat ? encodeDescriptorSense(sense) : encodeFixedSense(sense);
}

function encodeFixedSense(sense: Sense): Uint8Array {
  const bytes = new Uint8Array(FIXED_LENGTH);
  const view = new DataView(bytes.buffer);
  bytes[0] = FIXED_CURRENT;
  bytes[2] = sense.key;
  bytes[7] = FIXED_LENGTH - 8;
  view.setUint16(12, sense.code);
  // INFORMATION has 32 bits here; an LBA that does not fit is left out (SPC-4 §4.5.3).
  if (sense.information !== undefined && sense.information <= 0xffff_ffff) {
    bytes[0] = FIXED_CURRENT | INFORMATION_VALID;
    view.setUint32(3, sense.information);
  }
  const specific = keySpecificOf(sense);
  if (specific !== undefined) {
    bytes[15] = specific.flags;
    view.setUint16(16, specific.value);
  }
  return bytes;
}

/** The three bytes whose meaning depends on the sense key: a field pointer, or a progress indication. */
function keySpecificOf({ cdbByte, progress }: Sense): { flags: number; value: number } | undefined {
  if (cdbByte !== undefined) return { flags: FIELD_IN_CDB, value: cdbByte };
  if (progress !== undefined) return { flags: KEY_SPECIFIC_VALID, value: Math.min(progress, 0xffff) };
  return undefined;
}

function encodeDescriptorSense(sense: Sense): Uint8Array {
  const informationLength = sense.information === undefined ? 0 : INFORMATION_DESCRIPTOR_LENGTH;
  const specific = keySpecificOf(sense);
  const bytes = new Uint8Array(8 + informationLength + (specific === undefined ? 0 : KEY_SPECIFIC_DESCRIPTOR_LENGTH));
  const view = new DataView(bytes.buffer);
  bytes[0] = DESCRIPTOR_CURRENT;
  bytes[1] = sense.key;
  view.setUint16(2, sense.code);
  bytes[7] = bytes.length - 8;
  if (sense.information !== undefined) {
    bytes[9] = INFORMATION_DESCRIPTOR_LENGTH - 2;
    bytes[10] = INFORMATION_VALID;
    view.setBigUint64(12, BigInt(sense.information));
  }
  if (specific !== undefined) {
    const at = 8 + informationLength;
    bytes[at] = 0x02;
    bytes[at + 1] = KEY_SPECIFIC_DESCRIPTOR_LENGTH - 2;
    bytes[at + 4] = specific.flags;
    view.setUint16(at + 5, specific.value);
  }
  return bytes;
}
