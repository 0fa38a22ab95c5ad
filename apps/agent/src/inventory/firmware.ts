import type { SystemFiles } from "../system/system-files.ts";

/** How the machine was started. */
export interface FirmwareFacts {
  readonly mode: "bios" | "uefi";
  /** Width of the UEFI firmware, which is not always the processor's: some tablets have 32-bit firmware on 64-bit processors. */
  readonly bits?: 32 | 64;
  /** `unknown`: the variables are not readable here. `setup`: no platform key, so nothing is enforced. */
  readonly secureBoot: "enabled" | "disabled" | "setup" | "unsupported" | "unknown";
  /** Version of the Trusted Platform Module; absent without one. */
  readonly tpm?: "1.2" | "2.0";
}

const GLOBAL_VARIABLE = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
const EFIVARS = "/sys/firmware/efi/efivars";
/** Every file in efivarfs begins with the variable's attributes. */
const ATTRIBUTE_BYTES = 4;

/** Reads `/sys/firmware/efi` and `/sys/class/tpm`. */
export function readFirmware(files: SystemFiles): FirmwareFacts {
  const tpm = readTpm(files);
  const withTpm = tpm === undefined ? {} : { tpm };
  if (!files.exists("/sys/firmware/efi")) return { mode: "bios", secureBoot: "unsupported", ...withTpm };
  const bits = files.readText("/sys/firmware/efi/fw_platform_size") === "32" ? 32 : 64;
  return { mode: "uefi", bits, secureBoot: readSecureBoot(files), ...withTpm };
}

function readSecureBoot(files: SystemFiles): FirmwareFacts["secureBoot"] {
  if (files.list(EFIVARS).length === 0) return "unknown";
  const value = readByteVariable(files, "SecureBoot");
  if (value === undefined) return "unsupported";
  if (value === 1) return "enabled";
  return readByteVariable(files, "SetupMode") === 1 ? "setup" : "disabled";
}

function readByteVariable(files: SystemFiles, name: string): number | undefined {
  return files.readBytes(`${EFIVARS}/${name}-${GLOBAL_VARIABLE}`)?.[ATTRIBUTE_BYTES];
}

function readTpm(files: SystemFiles): "1.2" | "2.0" | undefined {
  const first = files.list("/sys/class/tpm")[0];
  if (first === undefined) return undefined;
  const major = files.readText(`/sys/class/tpm/${first}/tpm_version_major`);
  if (major === "2") return "2.0";
  return "1.2";
}
