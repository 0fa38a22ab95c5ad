import type { Ipv4, Mac } from "@ingot/wire";
import { NetbootError } from "./errors.ts";

/** Where machines reach the boot services. Addresses, not names: some firmware has no resolver when it needs one. */
export interface BootServer {
  readonly address: Ipv4;
  readonly httpPort: number;
}

/** Why a machine asks for a script; the absent stage is the ordinary one. */
export type ScriptStage = "replace" | "handover";

/** Parameters of a script's URL besides those iPXE fills in. */
export interface ScriptUrlParts {
  readonly mac: Mac;
  /** `replace`: the script that puts our iPXE in place of a ROM's; `handover`: what that iPXE runs first. */
  readonly stage?: ScriptStage;
  /** The image reference chosen in a menu. */
  readonly image?: string;
  /** The machine failed to boot what the previous script told it to. */
  readonly failed?: boolean;
}

/**
 * The script's URL as it stands in a DHCP answer or in another script. The MAC address is literal, from `chaddr`: the
 * network card that asked is the one that boots. iPXE puts in the rest: it expands `${…}` in a DHCP file name
 * (`fetch_next_server_and_filename`, since gPXE) as it does in scripts, and a setting that the machine lacks becomes empty.
 */
export function scriptUrl(server: BootServer, parts: ScriptUrlParts): string {
  const query = [
    `mac=${parts.mac.replaceAll(":", "-")}`,
    "uuid=${uuid}",
    "platform=${platform}",
    "arch=${buildarch}",
    "serial=${serial:uristring}",
    "manufacturer=${manufacturer:uristring}",
    "product=${product:uristring}",
  ];
  if (parts.stage !== undefined) query.push(`stage=${parts.stage}`);
  if (parts.image !== undefined) query.push(`image=${encodeURIComponent(parts.image)}`);
  if (parts.failed === true) query.push("failed=1");
  return `${originOf(server)}/boot/script.ipxe?${query.join("&")}`;
}

/** The URL of a boot program; one path segment, because firmware does not agree on how to join more (`//`). */
export function fileUrl(server: BootServer, name: string): string {
  return `${originOf(server)}/boot/files/${encodeURIComponent(name)}`;
}

/** The files of the agent's system below `/boot/files/`. */
export const AGENT_FILES = { kernel: "agent/vmlinuz", initrd: "agent/initrd" } as const;

/** The URL of one of {@link AGENT_FILES}: iPXE asks for it, never firmware, so that it may lie in a folder. */
export function agentFileUrl(server: BootServer, file: keyof typeof AGENT_FILES): string {
  return `${originOf(server)}/boot/files/${AGENT_FILES[file]}`;
}

function originOf(server: BootServer): string {
  if (!Number.isInteger(server.httpPort) || server.httpPort < 1 || server.httpPort > 65_535) {
    throw new NetbootError(
      "invalid-port",
      `boot server ${server.address}: got HTTP port ${server.httpPort}, expected 1 to 65535`,
    );
  }
  return `http://${server.address}:${server.httpPort}`;
}
