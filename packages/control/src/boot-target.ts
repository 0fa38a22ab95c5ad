import { isName } from "@ingot/api";

const targetPrefix = "iqn.2026-11.org.ingot:";
const bootPattern = /^boot([1-9][0-9]{0,8})$/;

/** What an iSCSI target name of ours says. */
export interface BootTarget {
  readonly machineId: string;
  /** The boot that the initiator belongs to; absent: whichever boot has the disk now. */
  readonly bootId?: number | undefined;
}

/** Writes `iqn.2026-11.org.ingot:<machine-id>`, with `:boot<n>` where the name is for one boot. */
export function formatBootTarget(target: BootTarget): string {
  const suffix = target.bootId === undefined ? "" : `:boot${target.bootId}`;
  return `${targetPrefix}${target.machineId}${suffix}`;
}

/** Reads a target name; `undefined` where it is none of ours. Upper and lower case are the same (RFC 7143 §4.2.7.2, by stringprep). */
export function parseBootTarget(name: string): BootTarget | undefined {
  const lower = name.toLowerCase();
  if (!lower.startsWith(targetPrefix)) return undefined;
  const [machineId = "", boot, ...rest] = lower.slice(targetPrefix.length).split(":");
  if (!isName(machineId) || rest.length > 0) return undefined;
  if (boot === undefined) return { machineId };
  const bootId = bootPattern.exec(boot)?.[1];
  return bootId === undefined ? undefined : { machineId, bootId: Number(bootId) };
}
