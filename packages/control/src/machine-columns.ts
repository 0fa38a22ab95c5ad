import type { PatchMachine } from "@ingot/api";
import { parseUuid } from "@ingot/wire";
import type { Insertable, Updateable } from "kysely";
import { normalizeReference } from "./server-settings.ts";
import type { MachinesTable } from "./tables.ts";

/** The columns that a patch changes. A machine that somebody changed is no longer one that only registered itself. */
export function columnsOf(body: PatchMachine): Updateable<MachinesTable> {
  return {
    untouched: 0,
    ...(body.name !== undefined && { name: body.name }),
    ...(body.group !== undefined && { group_name: body.group }),
    ...(body.site !== undefined && { site: body.site }),
    ...(body.comment !== undefined && { comment: body.comment }),
    ...(body.uuid !== undefined && { uuid: body.uuid === null ? null : parseUuid(body.uuid) }),
    ...(body.plan !== undefined && { plan: body.plan }),
    ...(body.image !== undefined && { image: body.image === null ? null : normalizeReference(body.image) }),
    ...(body.mode !== undefined && { mode: body.mode }),
    ...(body.quirks !== undefined && { quirks: JSON.stringify(body.quirks) }),
    ...(body.chap !== undefined && { chap_user: body.chap?.user ?? null, chap_secret: body.chap?.secret ?? null }),
  };
}

/** A machine of which nothing but its name is known. */
export function emptyRow(id: string, name: string, createdAt: string): Insertable<MachinesTable> {
  return {
    id,
    name,
    firmware: "unknown",
    quirks: "{}",
    untouched: 0,
    created_at: createdAt,
    state: "off",
    allocated_boot: 0,
    current_boot: 0,
  };
}
