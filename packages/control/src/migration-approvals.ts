import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/** Which machines somebody has let in. */
export const approvalsMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable("machine_approvals")
      .addColumn("machine_id", "text", (column) => column.primaryKey().references("machines.id").onDelete("cascade"))
      .addColumn("approved_at", "text", (column) => column.notNull())
      .addColumn("hardware", "text", (column) => column.notNull())
      .execute();
  },
};
