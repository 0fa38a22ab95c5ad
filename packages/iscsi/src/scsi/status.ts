/** SCSI status bytes (SAM-5 §5.3.1). */
export const ScsiStatus = {
  good: 0x00,
  checkCondition: 0x02,
  busy: 0x08,
  reservationConflict: 0x18,
  taskSetFull: 0x28,
} as const;
/** One of the values of `ScsiStatus`. */
export type ScsiStatus = (typeof ScsiStatus)[keyof typeof ScsiStatus];
