import { formatImageReference, type ImageReference, parseImageReference } from "@ingot/api";
import type { Selectable } from "kysely";
import type { LoginDecision } from "./boot-generation.ts";
import { ControlError } from "./errors.ts";
import { type ResolvedVersion, resolveImage } from "./image-references.ts";
import type { MachineRecord } from "./machine-store.ts";
import { effectiveOf } from "./machine-view.ts";
import type { ServerSettings } from "./server-settings.ts";
import type { Database, DisksTable } from "./tables.ts";

/** Which version a machine's overlay is over. */
export type Binding = Selectable<DisksTable>;

/** Reads what a machine's overlay is over; `undefined` where it has none. */
export async function readBinding(db: Database, machineId: string): Promise<Binding | undefined> {
  return db.selectFrom("disks").selectAll().where("machine_id", "=", machineId).executeTakeFirst();
}

/** The version that a machine's next new overlay would be over. */
export async function readWantedVersion(
  db: Database,
  record: MachineRecord,
  settings: ServerSettings,
): Promise<ResolvedVersion | undefined> {
  const { image } = effectiveOf(record, settings.current);
  return image === undefined ? undefined : resolveImage(db, image);
}

/** As {@link readWantedVersion}, for one boot: what was chosen in its menu comes first. */
export async function readVersionForBoot(
  db: Database,
  record: MachineRecord,
  settings: ServerSettings,
  requestedBoot: number | undefined,
): Promise<ResolvedVersion | undefined> {
  const { allocated_boot, allocated_image } = record.row;
  const chosen: ImageReference | undefined =
    requestedBoot === allocated_boot && allocated_image !== null ? parseImageReference(allocated_image) : undefined;
  return chosen === undefined ? readWantedVersion(db, record, settings) : resolveImage(db, chosen);
}

/** Writes, in one transaction, which boot has the disk now and what its overlay is over. */
export async function writeBinding(
  db: Database,
  facts: {
    readonly machineId: string;
    readonly decision: Exclude<LoginDecision, { action: "refuse" }>;
    readonly bound: Binding | undefined;
    readonly wanted: ResolvedVersion | undefined;
    readonly at: string;
  },
): Promise<Binding> {
  const { machineId, decision, bound, wanted, at } = facts;
  return db.transaction().execute(async (trx) => {
    await trx
      .updateTable("machines")
      .set({ current_boot: decision.bootId, untouched: 0, last_seen_at: at })
      .where("id", "=", machineId)
      .execute();
    if (decision.overlay === "keep" && bound !== undefined) return bound;
    if (wanted === undefined) throw new ControlError("noDisk", `machine ${machineId}: no image is set for it`);
    const { image, version, manifestId } = wanted;
    const binding: Binding = { machine_id: machineId, image, version, manifest_id: manifestId, created_at: at };
    await trx.deleteFrom("disks").where("machine_id", "=", machineId).execute();
    await trx.insertInto("disks").values(binding).execute();
    return binding;
  });
}

/** `NAME:VERSION`. */
export function labelOf(version: { readonly image: string; readonly version: number }): string {
  return formatImageReference({ name: version.image, version: version.version });
}
