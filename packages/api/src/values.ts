import { z } from "zod";

/** A point in time: ISO 8601 in UTC with milliseconds, as `Date.toISOString` writes it. */
export const timeSchema: z.ZodType<string, string> = z.iso
  .datetime({ precision: 3 })
  .meta({ description: "ISO 8601, UTC, milliseconds", example: "2026-11-22T08:30:00.000Z" });

/** A count or an amount in bytes: an integer from 0. */
export const amountSchema: z.ZodType<number, number> = z.int().min(0);

/** A MAC address as the product writes it: six lower-case hexadecimal bytes with colons. */
export const macSchema: z.ZodType<string, string> = z
  .string()
  .regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/)
  .meta({ description: "MAC address", example: "52:54:00:12:34:56" });

/** Any of the usual spellings of a MAC address: with `:`, `-` or `.`, or bare; upper or lower case. */
export const macInputSchema: z.ZodType<string, string> = z
  .string()
  .regex(
    /^(([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}|([0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}|[0-9A-Fa-f]{12})$/,
    "a MAC address is six bytes in hexadecimal, for example 52:54:00:12:34:56",
  )
  .meta({ description: "MAC address in any usual spelling", example: "52-54-00-12-34-56" });

/** A SMBIOS UUID in its text form, lower case. */
export const uuidSchema: z.ZodType<string, string> = z
  .string()
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  .meta({ description: "SMBIOS UUID, lower case", example: "4c4c4544-0035-4810-8051-b4c04f4e3132" });
