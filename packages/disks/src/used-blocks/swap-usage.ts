import { type ByteReader, hasText, readBytes } from "./byte-reader.ts";
import { rawUsage, UsageBuilder, type Usage } from "./usage.ts";

/** Sizes of memory pages of the machines that Linux runs on. */
const PAGE_BYTES = [4096, 8192, 16_384, 65_536];
/** What stands in the signature's place while a hibernated system's memory is in the swap area. */
const HIBERNATED = ["S1SUSPEND", "S2SUSPEND", "ULSUSPEND", "LINHIB0001"];

/** A swap area of Linux: its first page is needed (it has its UUID), the rest is not. `undefined` when it is none. */
export async function swapUsage(reader: ByteReader): Promise<Usage | undefined> {
  for (const pageBytes of PAGE_BYTES) {
    if (reader.sizeBytes < pageBytes) return undefined;
    const page = await readBytes(reader, pageBytes - 10, 10);
    if (HIBERNATED.some((text) => hasText(page, 0, text))) {
      return rawUsage(reader.sizeBytes, "swap: a system hibernates in it");
    }
    if (!hasText(page, 0, "SWAPSPACE2")) continue;
    const builder = new UsageBuilder();
    builder.add("data", pageBytes);
    builder.add("dontCare", reader.sizeBytes - pageBytes);
    return { content: "swap", ranges: builder.finish(reader.sizeBytes) };
  }
  return undefined;
}
