/** What the boot script tells the system in memory. No secrets: everybody can read `/proc/cmdline`. */
export interface BootParameters {
  readonly server: string | undefined;
  readonly pin: string | undefined;
}

/** Reads `ingot.server=` and `ingot.pin=`; the last one counts, as everywhere on the kernel's command line. */
export function parseKernelCommandLine(text: string): BootParameters {
  const values = new Map<string, string>();
  for (const word of text.trim().split(/\s+/)) {
    const equals = word.indexOf("=");
    if (equals > 0) values.set(word.slice(0, equals), word.slice(equals + 1));
  }
  return { server: values.get("ingot.server"), pin: values.get("ingot.pin") };
}
