import type { AgentInventory } from "@ingot/api";

/** Two computers are told apart by boots that are not further apart than this. */
const LATELY_MS = 15 * 60_000;
/** From its script to the first word of its agent a computer takes less than this. */
const STARTUP_MS = 2 * 60_000;
/** Network cards that are remembered for each machine. */
const MAX_CARDS = 8;

/** With which network card each machine asked for its script lately: two computers in one machine's name have different ones. */
export class RecentBoots {
  /** By machine: when each MAC address asked, the last one last. */
  readonly #machines = new Map<string, Map<string, number>>();

  /** A computer with this MAC address asked for the machine's script. */
  note(machine: string, mac: string, nowMs: number): void {
    const cards = this.#machines.get(machine) ?? new Map<string, number>();
    this.#machines.set(machine, cards);
    cards.delete(mac);
    cards.set(mac, nowMs);
    const [oldest] = cards.keys();
    if (cards.size > MAX_CARDS && oldest !== undefined) cards.delete(oldest);
  }

  /**
   * The MAC address of another computer that asked for the machine's script after the one with these network cards did. A computer
   * cannot have done that itself: it has not started again since.
   */
  rivalOf(machine: string, macs: readonly string[], nowMs: number): string | undefined {
    const lately = [...(this.#machines.get(machine) ?? [])].filter(([, atMs]) => nowMs - atMs < LATELY_MS);
    const own = lately.findLastIndex(([mac]) => macs.includes(mac));
    return own === -1 ? undefined : lately.at(own + 1)?.[0];
  }

  /**
   * Whether a computer with none of these network cards asked for the machine's script so lately that its agent may be about to come. It may also
   * be this computer, which was started with another dock before: then nothing comes.
   */
  hasForerunner(machine: string, macs: readonly string[], nowMs: number): boolean {
    const lately = [...(this.#machines.get(machine) ?? [])].filter(([, atMs]) => nowMs - atMs < STARTUP_MS);
    return lately.some(([mac]) => macs.includes(mac)) && lately.some(([mac]) => !macs.includes(mac));
  }

  /** When a computer with one of these network cards asked for the machine's script last, in milliseconds since 1970. */
  lastOf(machine: string, macs: readonly string[]): number | undefined {
    return [...(this.#machines.get(machine) ?? [])].findLast(([mac]) => macs.includes(mac))?.[1];
  }

  /** Forgets a machine. */
  remove(machine: string): void {
    this.#machines.delete(machine);
  }
}

/** The network cards that an agent's computer may have booted with. An installed system may have been started elsewhere, with others. */
export function cardsOf({ system, nics }: Pick<AgentInventory, "system" | "nics">): readonly string[] {
  return system === "ram" ? nics.map((nic) => nic.mac) : [];
}
