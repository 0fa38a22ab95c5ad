/** Serial-number arithmetic on 32 bits (RFC 1982), as iSCSI's CmdSN and StatSN need it. Values are unsigned. */

/** `a + b` modulo 2^32. */
export function serialAdd(a: number, b: number): number {
  return (a + b) >>> 0;
}

/** Whether `a` comes before `b`. Two values exactly 2^31 apart have no order (RFC 1982 §3.2); here `a` is not less. */
export function serialLess(a: number, b: number): boolean {
  const distance = (b - a) >>> 0;
  return distance !== 0 && distance < 0x8000_0000;
}

/** Whether `a` is `b` or comes before it; of two values exactly 2^31 apart neither does. */
export function serialLessOrEqual(a: number, b: number): boolean {
  return a >>> 0 === b >>> 0 || serialLess(a, b);
}
