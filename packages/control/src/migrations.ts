import type { Kysely } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import { approvalsMigration } from "./migration-approvals.ts";
import { cloningMigration } from "./migration-cloning.ts";
import { jobDetailsMigration } from "./migration-job-details.ts";
import type { Tables } from "./tables.ts";

const migrations: Readonly<Record<string, Migration>> = {
  "001-backbone": {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema
        .createTable("settings")
        .addColumn("key", "text", (column) => column.primaryKey())
        .addColumn("value", "text", (column) => column.notNull())
        .execute();
      await db.schema
        .createTable("machine_groups")
        .addColumn("name", "text", (column) => column.primaryKey())
        .addColumn("comment", "text")
        .addColumn("plan", "text")
        .addColumn("image", "text")
        .addColumn("mode", "text")
        .addColumn("created_at", "text", (column) => column.notNull())
        .execute();
      await db.schema
        .createTable("machines")
        .addColumn("id", "text", (column) => column.primaryKey())
        .addColumn("name", "text", (column) => column.notNull().unique())
        .addColumn("group_name", "text", (column) => column.references("machine_groups.name"))
        .addColumn("site", "text")
        .addColumn("comment", "text")
        .addColumn("uuid", "text")
        .addColumn("serial", "text")
        .addColumn("manufacturer", "text")
        .addColumn("product", "text")
        .addColumn("firmware", "text", (column) => column.notNull())
        .addColumn("plan", "text")
        .addColumn("image", "text")
        .addColumn("mode", "text")
        .addColumn("quirks", "text", (column) => column.notNull())
        .addColumn("chap_user", "text")
        .addColumn("chap_secret", "text")
        .addColumn("untouched", "integer", (column) => column.notNull())
        .addColumn("created_at", "text", (column) => column.notNull())
        .addColumn("last_seen_at", "text")
        .addColumn("address", "text")
        .addColumn("state", "text", (column) => column.notNull())
        .addColumn("allocated_boot", "integer", (column) => column.notNull())
        .addColumn("allocated_image", "text")
        .addColumn("current_boot", "integer", (column) => column.notNull())
        .addColumn("boot", "text")
        .addColumn("last_event", "text")
        .execute();
      await db.schema.createIndex("machines_by_uuid").on("machines").column("uuid").execute();
      await db.schema.createIndex("machines_by_serial").on("machines").column("serial").execute();
      await db.schema.createIndex("machines_by_group").on("machines").columns(["group_name", "name"]).execute();
      await db.schema.createIndex("machines_by_address").on("machines").column("address").execute();
      await db.schema
        .createTable("macs")
        .addColumn("mac", "text", (column) => column.primaryKey())
        .addColumn("machine_id", "text", (column) => column.notNull().references("machines.id").onDelete("cascade"))
        .execute();
      await db.schema.createIndex("macs_by_machine").on("macs").column("machine_id").execute();
      await db.schema
        .createTable("images")
        .addColumn("name", "text", (column) => column.primaryKey())
        .addColumn("created_at", "text", (column) => column.notNull())
        .addColumn("last_version", "integer", (column) => column.notNull())
        .execute();
      await db.schema
        .createTable("image_versions")
        .addColumn("image", "text", (column) => column.notNull().references("images.name"))
        .addColumn("version", "integer", (column) => column.notNull())
        .addColumn("manifest_id", "text", (column) => column.notNull())
        .addColumn("created_at", "text", (column) => column.notNull())
        .addColumn("size_bytes", "bigint", (column) => column.notNull())
        .addColumn("data_bytes", "bigint", (column) => column.notNull())
        .addColumn("unique_bytes", "bigint", (column) => column.notNull())
        .addColumn("stored_bytes", "bigint", (column) => column.notNull())
        .addColumn("chunk_count", "bigint", (column) => column.notNull())
        .addColumn("comment", "text")
        .addPrimaryKeyConstraint("image_versions_key", ["image", "version"])
        .execute();
      await db.schema
        .createTable("image_tags")
        .addColumn("image", "text", (column) => column.notNull().references("images.name"))
        .addColumn("tag", "text", (column) => column.notNull())
        .addColumn("version", "integer", (column) => column.notNull())
        .addPrimaryKeyConstraint("image_tags_key", ["image", "tag"])
        .addForeignKeyConstraint("image_tags_version", ["image", "version"], "image_versions", ["image", "version"])
        .execute();
      await db.schema
        .createTable("disks")
        .addColumn("machine_id", "text", (column) => column.primaryKey().references("machines.id"))
        .addColumn("image", "text", (column) => column.notNull())
        .addColumn("version", "integer", (column) => column.notNull())
        .addColumn("manifest_id", "text", (column) => column.notNull())
        .addColumn("created_at", "text", (column) => column.notNull())
        .addForeignKeyConstraint("disks_version", ["image", "version"], "image_versions", ["image", "version"])
        .execute();
      await db.schema
        .createTable("events")
        .addColumn("id", "integer", (column) => column.primaryKey().autoIncrement())
        .addColumn("at", "text", (column) => column.notNull())
        .addColumn("kind", "text", (column) => column.notNull())
        .addColumn("machine", "text")
        .addColumn("image", "text")
        .addColumn("message", "text", (column) => column.notNull())
        .addColumn("data", "text")
        .execute();
      await db.schema.createIndex("events_by_machine").on("events").columns(["machine", "id"]).execute();
    },
  },
  "002-cloning": cloningMigration,
  "003-approvals": approvalsMigration,
  "004-job-details": jobDetailsMigration,
};

/**
 * Brings the database to the newest form. Each migration is one transaction; a crash leaves the form before or after it.
 * @throws the error of the migration that failed.
 */
export async function migrate(db: Kysely<Tables>): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve(migrations) } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}
