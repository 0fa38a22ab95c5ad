import { z } from "zod";
import { MAX_TEXT_LENGTH } from "./limits.ts";

/** Body of `POST /boot/report`: what a machine says of itself once its operating system is up. Everything is a claim. */
export interface BootReport {
  /** Default `up`. */
  readonly state?: "up" | "failed" | undefined;
  /** For people, for example the operating system's name or why it failed. */
  readonly detail?: string | undefined;
}

/** Schema of {@link BootReport}. Unknown keys are ignored: newer guests may say more. */
export const bootReportSchema: z.ZodType<BootReport> = z
  .object({ state: z.enum(["up", "failed"]).optional(), detail: z.string().max(MAX_TEXT_LENGTH).optional() })
  .meta({ id: "BootReport" });
