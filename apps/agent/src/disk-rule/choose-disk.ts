import type { DiskRule } from "@ingot/api";
import { AgentError } from "../errors.ts";
import { describeDisk, type Disk } from "../inventory/disk.ts";

/**
 * The one disk that a rule means. Disks that can be pulled out, come over the network or cannot be written are left
 * out, unless the rule asks for them (`removable`, `usb`) or names the disk itself (`serial`, `wwn`). Errors, with the
 * list of all disks: `disk-not-found`, and `disk-ambiguous` when more than one is left: a rule never guesses.
 */
export function chooseDisk(rule: DiskRule, disks: readonly Disk[]): Disk {
  const fitting = select(
    rule,
    disks.filter((disk) => isCandidate(disk, rule) && meets(disk, rule)),
  );
  const [first, ...others] = fitting;
  if (first === undefined) throw new AgentError("disk-not-found", refusal(rule, "no disk of this machine", disks));
  if (others.length > 0)
    throw new AgentError("disk-ambiguous", refusal(rule, fitting.map((d) => d.name).join(" and "), disks));
  return first;
}

function isCandidate(disk: Disk, rule: DiskRule): boolean {
  if (disk.readOnly) return false;
  if (rule.serial !== undefined || rule.wwn !== undefined) return true;
  const canGo = disk.removable || disk.transport === "usb";
  return disk.transport !== "iscsi" && (!canGo || rule.removable === true || rule.transport === "usb");
}

function meets(disk: Disk, rule: DiskRule): boolean {
  const same = <T>(wanted: T | undefined, is: T | undefined): boolean => wanted === undefined || wanted === is;
  return (
    same(rule.transport, disk.transport === "iscsi" ? "other" : disk.transport) &&
    same(rule.rotational, disk.rotational) &&
    same(rule.removable, disk.removable || disk.transport === "usb") &&
    same(rule.serial, disk.serial) &&
    same(rule.wwn === undefined ? undefined : plainWwn(rule.wwn), disk.wwn) &&
    (rule.model === undefined || disk.model?.toLowerCase().includes(rule.model.toLowerCase()) === true) &&
    disk.sizeBytes >= (rule.minBytes ?? 0) &&
    disk.sizeBytes <= (rule.maxBytes ?? Number.POSITIVE_INFINITY)
  );
}

/** People copy it with the prefix that udev, the kernel or the label put before it. */
function plainWwn(text: string): string {
  return text.toLowerCase().replace(/^(wwn-)?(0x|naa\.|eui\.)/, "");
}

function select(rule: DiskRule, disks: readonly Disk[]): readonly Disk[] {
  if (rule.choose === "only" || disks.length === 0) return disks;
  const sizes = disks.map((disk) => disk.sizeBytes);
  const wanted = rule.choose === "largest" ? Math.max(...sizes) : Math.min(...sizes);
  return disks.filter((disk) => disk.sizeBytes === wanted);
}

function refusal(rule: DiskRule, what: string, disks: readonly Disk[]): string {
  const terms = Object.entries(rule)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${String(value)}`);
  const list = disks.length === 0 ? "this machine has no disk" : disks.map((d) => `  ${describeDisk(d)}`).join("\n");
  return `the disk rule (${terms.join(", ")}) fits ${what}; the disks are:\n${list}`;
}
