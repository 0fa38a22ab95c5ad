const COUNT = new Intl.NumberFormat("en-GB");

/** A whole number with thousands separated: "5,000". */
export function formatCount(count: number): string {
  return COUNT.format(count);
}

/** A count with its noun, in the singular for one: "1 machine", "5,000 machines". */
export function formatCountOf(count: number, singular: string, plural: string = `${singular}s`): string {
  return `${formatCount(count)} ${count === 1 ? singular : plural}`;
}

/** A share of a whole as whole percent; "<1 %" for something that is little but not nothing. */
export function formatShare(part: number, whole: number): string {
  if (whole <= 0 || part <= 0) return "0 %";
  const percent = (part / whole) * 100;
  return percent < 1 ? "<1 %" : `${Math.round(percent)} %`;
}
