import type { Mac } from "@ingot/wire";
import { scriptUrl } from "./boot-server.ts";
import type { BootServer } from "./boot-server.ts";
import { NetbootError } from "./errors.ts";
import { MAX_MENU_ENTRIES } from "./limits.ts";
import { scriptFrom, shown } from "./script-text.ts";

/** An image that the operator offers. */
export interface MenuEntry {
  /** What the server gets back as the parameter `image`: `debian-lab:3`. */
  readonly imageRef: string;
  readonly title: string;
}

/** A machine's boot menu. */
export interface MenuScriptInput {
  readonly mac: Mac;
  readonly machineName: string;
  readonly server: BootServer;
  /** At most 60; the others are not shown. */
  readonly entries: readonly MenuEntry[];
  /** What is chosen when nobody chooses: an entry's image reference, or the local disk. */
  readonly defaultChoice: { readonly image: string } | "local";
  /** Milliseconds until the default is taken; 0 waits for ever. */
  readonly timeoutMs: number;
  /** Whether the menu offers iPXE's shell. Default true. */
  readonly offerShell?: boolean;
}

/** The boot menu as a script. Labels are ours (`image0`, …), so that nothing an operator typed is ever a label. */
export function menuScript(input: MenuScriptInput): string {
  const entries = input.entries.slice(0, MAX_MENU_ENTRIES);
  if (!Number.isInteger(input.timeoutMs) || input.timeoutMs < 0) {
    throw new NetbootError(
      "unsafe-value",
      `boot menu: got timeout ${input.timeoutMs} ms, expected a whole number from 0`,
    );
  }
  const labelOf = (index: number): string => `image${index}`;
  const { defaultChoice } = input;
  const defaultIndex =
    defaultChoice === "local" ? -1 : entries.findIndex((entry) => entry.imageRef === defaultChoice.image);
  const defaultLabel = defaultIndex < 0 ? "local" : labelOf(defaultIndex);
  const timeout = input.timeoutMs === 0 ? "" : `--timeout ${input.timeoutMs} `;
  return scriptFrom([
    ":menu",
    `menu Ingot: ${shown(input.machineName)}`,
    ...(entries.length === 0 ? [] : ["item --gap Images"]),
    ...entries.map((entry, index) => `item ${labelOf(index)} ${shown(entry.title)}`),
    "item --gap This machine",
    "item local Local disk",
    ...(input.offerShell === false ? [] : ["item shell iPXE shell"]),
    `choose --default ${defaultLabel} ${timeout}choice || set choice ${defaultLabel}`,
    "goto ${choice}",
    ...entries.flatMap((entry, index) => [
      `:${labelOf(index)}`,
      `chain --replace --autofree ${scriptUrl(input.server, { mac: input.mac, image: entry.imageRef })} ||`,
      "goto failed",
    ]),
    ":local",
    "iseq ${platform} efi && exit 1 ||",
    "sanboot --no-describe --drive 0x80 ||",
    "goto failed",
    ...(input.offerShell === false ? [] : [":shell", "shell ||", "goto menu"]),
    ":failed",
    "echo Ingot: that did not work. The reason stands above.",
    "prompt --timeout 10000 Press any key for the menu ||",
    "goto menu",
  ]);
}
