import { z } from "zod";

const UNITS: Readonly<Record<string, number>> = { kbit: 1e3, mbit: 1e6, gbit: 1e9 };

/** Bits a second, as links are sold: `800kbit`, `500mbit`, `2.5gbit`. */
export const bitRate: z.ZodType<number, string> = z.string().transform((text, context): number => {
  const [, amount = "", unit = ""] = /^([0-9]+(?:\.[0-9]+)?)(kbit|mbit|gbit)$/i.exec(text) ?? [];
  const bits = Number(amount) * (UNITS[unit.toLowerCase()] ?? Number.NaN);
  if (bits >= 1e5 && bits <= 1e12) return bits;
  context.addIssue({ code: "custom", message: `got ${JSON.stringify(text)}, expected a rate like 500mbit or 2.5gbit` });
  return z.NEVER;
});
