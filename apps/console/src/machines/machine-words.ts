import type { BootPlan, DiskMode, Firmware, ImageReference, MachineState, SettingSource } from "@ingot/api";

/** The states in the order in which an operator wants to see them: what needs a hand first. */
export const STATE_ORDER: readonly MachineState[] = ["failed", "booting", "running", "up", "new", "off"];

/** What a state is called. */
export const STATE_LABELS: Readonly<Record<MachineState, string>> = {
  failed: "Failed",
  booting: "Booting",
  running: "Running",
  up: "Up",
  new: "New",
  off: "Off",
};

/** What a state means. */
export const STATE_EXPLANATIONS: Readonly<Record<MachineState, string>> = {
  failed: "The last boot stopped. The timeline says where and why.",
  booting: "Between the first request and the operating system.",
  running: "The operating system uses its disk.",
  up: "The operating system said that it is up.",
  new: "Registered itself, never booted from here.",
  off: "Nothing heard since it went away.",
};

/** The style sheets' name for a state's colour. */
export const STATE_TONES: Readonly<Record<MachineState, "failed" | "boot" | "up" | "info" | "off">> = {
  failed: "failed",
  booting: "boot",
  running: "up",
  up: "up",
  new: "info",
  off: "off",
};

/** Short names of firmwares. */
export const FIRMWARE_LABELS: Readonly<Record<Firmware, string>> = {
  bios: "BIOS",
  "uefi-x64": "UEFI",
  "uefi-ia32": "UEFI 32",
  "uefi-arm64": "UEFI Arm",
  unknown: "unknown",
};

/** What a boot plan means. */
export const PLAN_LABELS: Readonly<Record<BootPlan, string>> = {
  diskless: "Diskless",
  local: "Local disk",
  menu: "Menu",
  clone: "Clone (agent)",
  capture: "Capture (agent)",
  verify: "Verify (agent)",
  wipe: "Wipe (agent)",
  rescue: "Rescue (agent)",
};

/** What a disk mode means. */
export const MODE_LABELS: Readonly<Record<DiskMode, string>> = {
  reset: "Reset at boot",
  persistent: "Persistent",
};

/** Says where an effective setting comes from. */
export function describeSource(source: SettingSource, group: string | undefined): string {
  switch (source) {
    case "machine":
      return "set on this machine";
    case "group":
      return group === undefined ? "from its group" : `from group ${group}`;
    case "default":
      return "server default";
  }
}

/** Writes a reference as `NAME`, `NAME:VERSION` or `NAME:TAG`. */
export function imageText(reference: ImageReference): string {
  const selector = reference.version ?? reference.tag;
  return selector === undefined ? reference.name : `${reference.name}:${selector}`;
}
