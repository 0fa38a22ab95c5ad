import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/** Jobs, tasks, agents and their tokens. */
export const cloningMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema.alterTable("machines").addColumn("next_plan", "text").execute();
    await db.schema
      .createTable("jobs")
      .addColumn("id", "integer", (column) => column.primaryKey().autoIncrement())
      .addColumn("kind", "text", (column) => column.notNull())
      .addColumn("state", "text", (column) => column.notNull())
      .addColumn("reason", "text", (column) => column.notNull())
      .addColumn("spec", "text", (column) => column.notNull())
      .addColumn("image", "text")
      .addColumn("priority", "integer", (column) => column.notNull())
      .addColumn("created_at", "text", (column) => column.notNull())
      .addColumn("started_at", "text")
      .addColumn("finished_at", "text")
      .addColumn("summary", "text", (column) => column.notNull())
      .execute();
    await db.schema.createIndex("jobs_by_end").on("jobs").column("finished_at").execute();
    await db.schema
      .createTable("tasks")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("job_id", "integer", (column) => column.notNull().references("jobs.id").onDelete("cascade"))
      .addColumn("machine_id", "text", (column) => column.notNull())
      .addColumn("machine_name", "text", (column) => column.notNull())
      .addColumn("position", "integer", (column) => column.notNull())
      .addColumn("wave", "integer", (column) => column.notNull())
      .addColumn("state", "text", (column) => column.notNull())
      .addColumn("reason", "text", (column) => column.notNull())
      .addColumn("attempt", "integer", (column) => column.notNull())
      .addColumn("begun", "integer", (column) => column.notNull())
      .addColumn("image", "text")
      .addColumn("progress", "text", (column) => column.notNull())
      .addColumn("error", "text")
      .addColumn("note", "text")
      .addColumn("started_at", "text")
      .addColumn("finished_at", "text")
      .addColumn("changed_at", "text", (column) => column.notNull())
      .execute();
    await db.schema.createIndex("tasks_by_job").on("tasks").columns(["job_id", "position"]).execute();
    await db.schema
      .createTable("job_log")
      .addColumn("id", "integer", (column) => column.primaryKey().autoIncrement())
      .addColumn("job_id", "integer", (column) => column.notNull().references("jobs.id").onDelete("cascade"))
      .addColumn("at", "text", (column) => column.notNull())
      .addColumn("machine_id", "text", (column) => column.notNull())
      .addColumn("machine_name", "text", (column) => column.notNull())
      .addColumn("state", "text", (column) => column.notNull())
      .addColumn("progress", "text", (column) => column.notNull())
      .addColumn("error", "text")
      .execute();
    await db.schema.createIndex("job_log_by_job").on("job_log").columns(["job_id", "id"]).execute();
    await db.schema
      .createTable("deployments")
      .addColumn("machine_id", "text", (column) => column.primaryKey().references("machines.id").onDelete("cascade"))
      .addColumn("image", "text", (column) => column.notNull())
      .addColumn("version", "integer", (column) => column.notNull())
      .addColumn("manifest_id", "text", (column) => column.notNull())
      .addColumn("deployed_at", "text", (column) => column.notNull())
      .execute();
    await db.schema
      .createTable("agents")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("fingerprint", "text", (column) => column.notNull().unique())
      .addColumn("role", "text", (column) => column.notNull())
      .addColumn("state", "text", (column) => column.notNull())
      .addColumn("reason", "text", (column) => column.notNull())
      .addColumn("machine_id", "text", (column) => column.references("machines.id").onDelete("set null"))
      .addColumn("code", "text")
      .addColumn("address", "text")
      .addColumn("created_at", "text", (column) => column.notNull())
      .addColumn("last_seen_at", "text", (column) => column.notNull())
      .addColumn("inventory", "text", (column) => column.notNull())
      .execute();
    await db.schema.createIndex("agents_by_machine").on("agents").column("machine_id").execute();
    await db.schema
      .createTable("agent_tokens")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("hash", "text", (column) => column.notNull().unique())
      .addColumn("created_at", "text", (column) => column.notNull())
      .addColumn("expires_at", "text", (column) => column.notNull())
      .addColumn("used_at", "text")
      .addColumn("used_by", "text")
      .addColumn("comment", "text")
      .execute();
  },
};
