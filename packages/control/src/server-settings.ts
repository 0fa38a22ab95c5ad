import { formatImageReference, parseImageReference, type PatchSettings, type Settings } from "@ingot/api";
import { INITIAL_SETTINGS } from "./settings-rules.ts";
import type { Database } from "./tables.ts";

/** The server's settings: kept in the database, held in memory because every DHCP answer needs them at once. */
export class ServerSettings {
  readonly #db: Database;
  #current: Settings = INITIAL_SETTINGS;

  private constructor(db: Database) {
    this.#db = db;
  }

  /** Reads the settings. */
  static async open(db: Database): Promise<ServerSettings> {
    const settings = new ServerSettings(db);
    const rows = await db.selectFrom("settings").selectAll().execute();
    const stored = Object.fromEntries(rows.map((row) => [row.key, JSON.parse(row.value) as unknown]));
    settings.#current = { ...INITIAL_SETTINGS, ...stored };
    return settings;
  }

  /** What holds now. */
  get current(): Settings {
    return this.#current;
  }

  /** Changes settings. The caller has checked that the image is there. */
  async patch(patch: PatchSettings): Promise<Settings> {
    const { image, ...rest } = patch;
    const changes: Partial<Record<keyof Settings, unknown>> = {
      ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)),
      ...(image !== undefined && { image: image === null ? undefined : parseImageReference(image) }),
    };
    await this.#db.transaction().execute(async (trx) => {
      for (const [key, value] of Object.entries(changes)) {
        if (value === undefined) {
          await trx.deleteFrom("settings").where("key", "=", key).execute();
        } else {
          const text = JSON.stringify(value);
          await trx
            .insertInto("settings")
            .values({ key, value: text })
            .onConflict((conflict) => conflict.column("key").doUpdateSet({ value: text }))
            .execute();
        }
      }
    });
    this.#current = { ...this.#current, ...changes } as Settings;
    return this.#current;
  }
}

/** A change of settings in words, for the history. */
export function describePatch(patch: object): string {
  const parts = Object.entries(patch)
    .filter(([key, value]) => value !== undefined && key !== "chap")
    .map(([key, value]) => (value === null ? `${key} taken away` : `${key} ${textOf(value)}`));
  if ("chap" in patch && patch.chap !== undefined) parts.push(patch.chap === null ? "CHAP taken away" : "CHAP set");
  return parts.length === 0 ? "nothing changed" : parts.join(", ");
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The reference in its stored form: read and written again, so that `NAME:latest` is `NAME`. */
export function normalizeReference(text: string): string {
  const reference = parseImageReference(text);
  return reference === undefined ? text : formatImageReference(reference);
}
