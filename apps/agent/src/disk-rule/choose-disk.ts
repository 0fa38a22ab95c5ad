import { AgentError } from "../errors.ts";
import { describeDisk, type Disk } from "../inventory/disk.ts";
import { type DiskRule, type DiskTerm, parseDiskRule } from "./parse-rule.ts";

/**
 * The one disk that a rule means. Disks that can be pulled out, come over the network or cannot be written are left
 * out, unless the rule names them (`removable`, `usb`, `serial=…`, `wwn=…`). Error: `disk-rule`, with the list of all
 * disks, when none or more than one is left: an ambiguous rule never picks.
 */
export function chooseDisk(ruleText: string, disks: readonly Disk[]): Disk {
  const rule = parseDiskRule(ruleText);
  const fitting = disks.filter((disk) => isCandidate(disk, rule) && rule.terms.every((term) => meets(disk, term)));
  const chosen = select(rule, fitting);
  const [first, ...others] = chosen;
  if (first === undefined) throw refusal(ruleText, "fits none of this machine's disks", disks);
  if (others.length > 0) throw refusal(ruleText, `fits ${chosen.map((d) => d.name).join(" and ")}`, disks);
  return first;
}

function isCandidate(disk: Disk, rule: DiskRule): boolean {
  const named = rule.terms.some((term) => {
    switch (term.kind) {
      case "serial":
      case "wwn":
      case "removable":
        return true;
      case "transport":
        return term.value === disk.transport;
      case "model":
      case "modelContains":
      case "size":
      case "rotational":
        return false;
    }
  });
  return !disk.readOnly && (named || !(disk.removable || disk.transport === "usb" || disk.transport === "iscsi"));
}

function meets(disk: Disk, term: DiskTerm): boolean {
  switch (term.kind) {
    case "serial":
      return disk.serial === term.value;
    case "wwn":
      return disk.wwn === term.value;
    case "model":
      return disk.model === term.value;
    case "modelContains":
      return disk.model?.toLowerCase().includes(term.value.toLowerCase()) === true;
    case "rotational":
      return disk.rotational === term.value;
    case "transport":
      return disk.transport === term.value;
    case "removable":
      return disk.removable || disk.transport === "usb";
    case "size":
      return compare(disk.sizeBytes, term);
  }
}

function compare(sizeBytes: number, term: Extract<DiskTerm, { kind: "size" }>): boolean {
  switch (term.comparison) {
    case "<":
      return sizeBytes < term.bytes;
    case "<=":
      return sizeBytes <= term.bytes;
    case ">":
      return sizeBytes > term.bytes;
    case ">=":
      return sizeBytes >= term.bytes;
    case "=":
      return sizeBytes === term.bytes;
  }
}

function select(rule: DiskRule, disks: readonly Disk[]): readonly Disk[] {
  if (rule.selection === "only" || disks.length === 0) return disks;
  const sizes = disks.map((disk) => disk.sizeBytes);
  const wanted = rule.selection === "largest" ? Math.max(...sizes) : Math.min(...sizes);
  return disks.filter((disk) => disk.sizeBytes === wanted);
}

function refusal(ruleText: string, what: string, disks: readonly Disk[]): AgentError {
  const list = disks.length === 0 ? "this machine has no disk" : disks.map((d) => `  ${describeDisk(d)}`).join("\n");
  return new AgentError("disk-rule", `disk rule "${ruleText}" ${what}; the disks are:\n${list}`);
}
