import type { AgentToken } from "@ingot/api";
import { Command, InvalidArgumentError } from "commander";
import type { CommonOptions } from "./common-options.ts";
import { connect } from "./connection.ts";
import { formatTable, processOutput } from "./output.ts";

/** `ingot agent-token …` */
export function agentTokenCommand(): Command {
  const token = new Command("agent-token")
    .description("one-time tokens with which agents are let in (ingot settings set --enrolment token)")
    .addHelpText("after", "\nExamples:\n  ingot agent-token create --life 8h\n  ingot agent-token list");
  token
    .command("create")
    .description("make a token; it is shown once and kept nowhere")
    .option("--life <time>", "how long it is good: 30m, 8h, 7d", lifeSeconds, 86_400)
    .option("--comment <text>", "a remark")
    .addHelpText("after", "\nExample:\n  ingot agent-token create --life 8h --comment 'room 3'")
    .action(createToken);
  token
    .command("list")
    .description("which tokens there are, and who used them")
    .addHelpText("after", "\nExample:\n  ingot agent-token list --json")
    .action(listTokens);
  token
    .command("remove <id>")
    .description("take a token away")
    .addHelpText("after", "\nExample:\n  ingot agent-token remove t0123456789ab")
    .action(removeToken);
  return token;
}

async function createToken(
  options: CommonOptions & { readonly life: number; readonly comment?: string },
): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  const { life, comment } = options;
  const body = { lifeSeconds: life, ...(comment !== undefined && { comment }) };
  const token = await connection.api.post<AgentToken>("/api/v1/agent-tokens", body);
  out.result(token, () => token.token ?? "");
  out.note(`good for one agent, until ${token.expiresAt}; it is not shown again`);
}

async function listTokens(options: CommonOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  const tokens = await connection.api.list<AgentToken>("/api/v1/agent-tokens");
  out.result(tokens, () =>
    formatTable(
      ["TOKEN", "MADE", "GOOD UNTIL", "USED", "BY", "COMMENT"],
      tokens.map((token) => [
        token.id,
        token.createdAt,
        token.expiresAt,
        token.usedAt ?? "-",
        token.usedBy ?? "-",
        token.comment ?? "",
      ]),
      "no tokens; make one: ingot agent-token create",
    ),
  );
}

async function removeToken(id: string, options: CommonOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  await connection.api.delete(`/api/v1/agent-tokens/${encodeURIComponent(id)}`);
  out.result({ removed: id }, () => `removed ${id}`);
}

/** Reads `30m`, `8h` or `7d`. */
export function lifeSeconds(text: string): number {
  const [, digits, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const seconds = Number(digits) * (unit === "m" ? 60 : unit === "h" ? 3600 : 86_400);
  if (seconds >= 60 && seconds <= 366 * 86_400) return seconds;
  throw new InvalidArgumentError(`got ${JSON.stringify(text)}, expected a time like 30m, 8h or 7d, up to 366d`);
}
