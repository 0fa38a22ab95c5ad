import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/** What a line of a job's log says besides the error's code. */
export const jobDetailsMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema.alterTable("job_log").addColumn("sector", "bigint").execute();
    await db.schema.alterTable("job_log").addColumn("detail", "text").execute();
  },
};
