import type { Mac } from "@ingot/wire";
import { agentFileUrl } from "./boot-server.ts";
import type { BootServer } from "./boot-server.ts";
import { pauseLine, refetchLines } from "./retry.ts";
import { checkedAgentServer, checkedPin, scriptFrom, shown } from "./script-text.ts";

/** What a machine needs to start the agent's system. */
export interface AgentScriptInput {
  readonly mac: Mac;
  readonly machineName: string;
  /** The agent asks the server for its task; only `rescue` changes what starts: a shell. */
  readonly plan: "clone" | "capture" | "verify" | "wipe" | "rescue";
  readonly server: BootServer;
  readonly agents: {
    /** Where agents reach the server: `https://10.0.0.1:8472`. */
    readonly url: string;
    /** The fingerprint of the server's key: SHA-256 of its public key, 64 hexadecimal digits. Not a secret. */
    readonly pin: string;
  };
}

/**
 * The script that starts the agent's system in memory, by HTTP from the server. Nothing secret stands on the kernel's command
 * line: it names the server, and the key by which the server will prove itself. `BOOTIF` is PXELINUX's way of saying which
 * network card has booted. Retries as a diskless machine does.
 */
export function agentScript(input: AgentScriptInput): string {
  const { mac, server, plan } = input;
  const name = shown(input.machineName);
  const commandLine = [
    // By UEFI the kernel reads its initial RAM disk by this name from iPXE; for BIOS it means nothing.
    "initrd=initrd",
    `ingot.server=${checkedAgentServer(input.agents.url)}`,
    `ingot.pin=${checkedPin(input.agents.pin)}`,
    ...(plan === "rescue" ? ["ingot.rescue"] : []),
    `BOOTIF=01-${mac.replaceAll(":", "-")}`,
    // The screen and the serial line; a machine that panics must not stand there until somebody comes.
    "console=tty0 console=ttyS0,115200 loglevel=4 panic=30",
  ];
  return scriptFrom([
    "echo",
    `echo Ingot: ${name} starts the agent's system for ${plan}`,
    `kernel ${agentFileUrl(server, "kernel")} ${commandLine.join(" ")} || goto failed`,
    `initrd ${agentFileUrl(server, "initrd")} || goto failed`,
    "boot ||",
    ":failed",
    "imgfree ||",
    `echo Ingot: ${name} could not start the agent's system. The reason stands above.`,
    pauseLine(mac, 5),
    ...refetchLines(server, mac),
  ]);
}
