import type { AgentToken, CreateAgentToken } from "@ingot/api";
import { sha256 } from "@ingot/chunks";
import type { Selectable } from "kysely";
import { type Clock, timeText } from "../clock.ts";
import { ControlError } from "../errors.ts";
import { MAX_AGENT_TOKENS } from "../limits.ts";
import type { AgentTokensTable, Database } from "../tables.ts";

/** How long a token is good where nobody says otherwise. */
const defaultLifeSeconds = 86_400;

/** What using a token came to. */
export type TokenUse = "accepted" | "unknown" | "expired" | "replayed";

/** One-time tokens. Only their hashes are kept: whoever reads the database cannot enrol with it. */
export class AgentTokens {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #random: (lengthBytes: number) => Uint8Array;

  constructor(deps: {
    readonly db: Database;
    readonly clock: Clock;
    readonly random: (lengthBytes: number) => Uint8Array;
  }) {
    this.#db = deps.db;
    this.#clock = deps.clock;
    this.#random = deps.random;
  }

  /** Makes a token; it is in this answer and nowhere else. @throws ControlError `busy` where there are too many. */
  async create(body: CreateAgentToken): Promise<AgentToken & { readonly token: string }> {
    const total = await this.count();
    if (total >= MAX_AGENT_TOKENS) throw new ControlError("busy", `${MAX_AGENT_TOKENS} tokens are kept; remove some`);
    const nowMs = this.#clock.now();
    const token = `ingot-${this.#random(24).toHex()}`;
    const row = {
      id: `t${this.#random(6).toHex()}`,
      hash: hashOf(token),
      created_at: timeText(nowMs),
      expires_at: timeText(nowMs + (body.lifeSeconds ?? defaultLifeSeconds) * 1000),
      used_at: null,
      used_by: null,
      comment: body.comment ?? null,
    };
    await this.#db.insertInto("agent_tokens").values(row).execute();
    return { ...tokenOf(row), token };
  }

  /**
   * Uses a token up for an agent. The agent that used it may show it again, because it may not have heard the answer; anybody
   * else is replaying it.
   */
  async use(token: string, agentId: string): Promise<TokenUse> {
    const at = timeText(this.#clock.now());
    return this.#db.transaction().execute(async (trx) => {
      const row = await trx.selectFrom("agent_tokens").selectAll().where("hash", "=", hashOf(token)).executeTakeFirst();
      if (row === undefined) return "unknown";
      if (row.used_at !== null) return row.used_by === agentId ? "accepted" : "replayed";
      if (row.expires_at <= at) return "expired";
      await trx.updateTable("agent_tokens").set({ used_at: at, used_by: agentId }).where("id", "=", row.id).execute();
      return "accepted";
    });
  }

  /** One page of tokens, newest first; those made before the token `after`. */
  async list(query: { readonly limit: number; readonly after?: string | undefined }): Promise<AgentToken[]> {
    const rows = await this.#db
      .selectFrom("agent_tokens")
      .selectAll()
      .where("id", ">", query.after ?? "")
      .orderBy("id")
      .limit(query.limit)
      .execute();
    return rows.map(tokenOf);
  }

  /** How many there are. */
  async count(): Promise<number> {
    const { count } = await this.#db
      .selectFrom("agent_tokens")
      .select(({ fn }) => fn.countAll().as("count"))
      .executeTakeFirstOrThrow();
    return Number(count);
  }

  /** Takes a token away. @throws ControlError `notFound`. */
  async remove(id: string): Promise<void> {
    const { numDeletedRows } = await this.#db.deleteFrom("agent_tokens").where("id", "=", id).executeTakeFirst();
    if (numDeletedRows === 0n) throw new ControlError("notFound", `token ${JSON.stringify(id)}: there is none`);
  }
}

function hashOf(token: string): string {
  return sha256(new TextEncoder().encode(token));
}

function tokenOf(row: Selectable<AgentTokensTable>): AgentToken {
  return {
    id: row.id,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    usedAt: row.used_at ?? undefined,
    usedBy: row.used_by ?? undefined,
    comment: row.comment ?? undefined,
  };
}
