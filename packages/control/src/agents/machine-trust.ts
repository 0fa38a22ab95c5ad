import type { AgentInventory } from "@ingot/api";
import { type Clock, timeText } from "../clock.ts";
import type { MachineIndex } from "../machine-index.ts";
import type { Database } from "../tables.ts";
import { readInventories } from "./agent-store.ts";
import { type Hardware, hardwareOf, isSameHardware } from "./hardware.ts";

/** How long the word of an operator, or of a token, holds for a machine. */
const TRUST_LASTS_MS = 90 * 86_400_000;

/** How long after it was sent the agent's system a machine may ask to be let in: firmware, kernel and a slow network fit in. */
const BOOT_TAKES_MS = 10 * 60_000;

/** What {@link MachineTrust} works with. */
interface MachineTrustDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly index: MachineIndex;
  /** Whether a job's turn has come for a machine, so that it is sent the agent's system. */
  readonly isAwaited: (machine: string) => boolean;
}

/**
 * Which machines somebody has let in before. The agent in memory makes itself a new key at every boot, and nobody wants to approve each of
 * them; so the word that was given for a machine holds for its next boots: those that the server itself has caused, one key each.
 */
export class MachineTrust {
  readonly #deps: MachineTrustDeps;
  /** The boot by which each machine's last key came in. */
  readonly #usedMs = new Map<string, number>();

  constructor(deps: MachineTrustDeps) {
    this.#deps = deps;
  }

  /** An operator, or a token, let this machine in. */
  async remember(machine: string, inventory: AgentInventory): Promise<void> {
    const values = {
      approved_at: timeText(this.#deps.clock.now()),
      hardware: JSON.stringify(hardwareOf(inventory)),
    };
    await this.#deps.db
      .insertInto("machine_approvals")
      .values({ machine_id: machine, ...values })
      .onConflict((conflict) => conflict.column("machine_id").doUpdateSet(values))
      .execute();
  }

  /** An operator turned the machine's agent away. */
  async forget(machine: string): Promise<void> {
    await this.#deps.db.deleteFrom("machine_approvals").where("machine_id", "=", machine).execute();
  }

  /**
   * Whether an agent may come in on the word that was given for its machine: the same hardware, and either a key that was let in before, or
   * the first new key since the server sent the machine the agent's system for a job.
   */
  async vouchesFor(machine: string, inventory: AgentInventory, isKnownKey: boolean): Promise<boolean> {
    const { db, clock } = this.#deps;
    const approval = await db
      .selectFrom("machine_approvals")
      .selectAll()
      .where("machine_id", "=", machine)
      .executeTakeFirst();
    if (approval === undefined || clock.now() - Date.parse(approval.approved_at) > TRUST_LASTS_MS) return false;
    if (!isSameHardware(JSON.parse(approval.hardware) as Hardware, hardwareOf(inventory))) return false;
    if (isKnownKey) return true;
    const bootMs = this.#bootOf(machine, inventory);
    if (bootMs === undefined || bootMs === this.#usedMs.get(machine) || !this.#deps.isAwaited(machine)) return false;
    if (inventory.system !== "ram") return false;
    this.#usedMs.set(machine, bootMs);
    return true;
  }

  /** Whether the machine has started again since its agent of before was heard: the same hardware has asked for its script. */
  async hasRestarted(
    machine: string,
    inventory: AgentInventory,
    before: { readonly id: string; readonly heardMs: number },
  ): Promise<boolean> {
    const bootMs = this.#bootOf(machine, inventory);
    if (bootMs === undefined || bootMs <= before.heardMs) return false;
    const said = (await readInventories(this.#deps.db, [before.id])).get(before.id);
    return said !== undefined && isSameHardware(hardwareOf(said), hardwareOf(inventory));
  }

  /** When this computer asked for the machine's script, where that was lately. */
  #bootOf(machine: string, { nics }: AgentInventory): number | undefined {
    const { clock, index } = this.#deps;
    const macs = nics.map((nic) => nic.mac);
    const atMs = index.boots.lastOf(machine, macs);
    return atMs !== undefined && clock.now() - atMs < BOOT_TAKES_MS ? atMs : undefined;
  }
}
