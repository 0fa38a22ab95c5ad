import { parseImageReference, type TaskImage } from "@ingot/api";
import { resolveImage } from "./image-references.ts";
import type { ServerSettings } from "./server-settings.ts";
import type { Database } from "./tables.ts";

/** Who needs which versions of one image. */
export class ImageUses {
  readonly #usersOf = new Map<number, string[]>();

  /** Notes that somebody needs a version. */
  add(version: number, user: string): void {
    const users = this.#usersOf.get(version) ?? [];
    if (!users.includes(user)) users.push(user);
    this.#usersOf.set(version, users);
  }

  /** Who needs the version: `machine NAME`, `disk of NAME`, `group NAME`, `the server's default`. */
  of(version: number): readonly string[] {
    return this.#usersOf.get(version) ?? [];
  }

  /** Who needs any version. */
  get all(): readonly string[] {
    return [...new Set([...this.#usersOf.values()].flat())];
  }
}

/**
 * Finds out who needs which versions of an image: settings of machines, groups and the server (a bare name means the newest
 * version, a tag the one it points at), disks that were made from a version, and jobs that are not over.
 */
export async function findImageUses(db: Database, image: string, settings: ServerSettings): Promise<ImageUses> {
  const uses = new ImageUses();
  const note = async (text: string, user: string): Promise<void> => {
    const reference = parseImageReference(text);
    const found = reference === undefined ? undefined : await resolveImage(db, reference);
    if (found !== undefined) uses.add(found.version, user);
  };
  const names = (text: string): boolean => text === image || text.startsWith(`${image}:`);

  const disks = await db
    .selectFrom("disks")
    .innerJoin("machines", "machines.id", "disks.machine_id")
    .select(["disks.version", "machines.name"])
    .where("disks.image", "=", image)
    .execute();
  for (const disk of disks) uses.add(disk.version, `disk of ${disk.name}`);

  const mentions = await db
    .selectFrom("machines")
    .select(["name", "image"])
    .where("image", "is not", null)
    .where((where) => where.or([where("image", "=", image), where("image", "like", `${image}:%`)]))
    .execute();
  for (const { name, image: text } of mentions) if (text !== null && names(text)) await note(text, `machine ${name}`);

  const groups = await db
    .selectFrom("machine_groups")
    .select(["name", "image"])
    .where("image", "is not", null)
    .execute();
  for (const { name, image: text } of groups) if (text !== null && names(text)) await note(text, `group ${name}`);

  const jobs = await db
    .selectFrom("jobs")
    .innerJoin("tasks", "tasks.job_id", "jobs.id")
    .select(["jobs.id", "tasks.image"])
    .distinct()
    .where("jobs.finished_at", "is", null)
    .where("tasks.image", "is not", null)
    .execute();
  for (const job of jobs) {
    const version = job.image === null ? undefined : (JSON.parse(job.image) as TaskImage);
    if (version?.name === image) uses.add(version.version, `job ${job.id}`);
  }

  const fallback = settings.current.image;
  if (fallback?.name === image) {
    const found = await resolveImage(db, fallback);
    if (found !== undefined) uses.add(found.version, "the server's default");
  }
  return uses;
}
