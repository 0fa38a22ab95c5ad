import type { AgentInventory, AgentRole, EnrolAnswer } from "@ingot/api";
import { type Identity, isFingerprint } from "@ingot/swarm";
import { AgentError } from "../errors.ts";
import type { StateFolder } from "../state/state-folder.ts";
import { ServerClient } from "./server-client.ts";

/** An agent that a server knows. */
export interface Session {
  readonly client: ServerClient;
  readonly identity: Identity;
  readonly agentId: string;
  /** Only with the role `machine`. */
  readonly machineId: string | undefined;
  readonly machineName: string | undefined;
  /** Signs manifests and tickets. */
  readonly signingKey: string;
  /** What the server's clock shows more than this machine's: machines that are being installed often have a wrong one. */
  readonly serverAheadMs: number;
}

/** Whom to enrol with, and as what. */
export interface SessionOptions {
  readonly state: StateFolder;
  /** `--server`; without it the one that the state folder knows. */
  readonly server: string | undefined;
  /** `--pin`; without it the one that the state folder knows for that server. */
  readonly pin: string | undefined;
  readonly role: AgentRole;
  readonly inventory: () => Promise<AgentInventory>;
  readonly token: string | undefined;
  /** What tells this computer from others, where the agent's key is to be no other's. */
  readonly computer?: string | undefined;
  /** Told of an answer that is not "enrolled", and of a server that does not answer; resolves when to ask again. Throws to give up. */
  readonly onWait: (answer: Exclude<EnrolAnswer, { state: "enrolled" }> | AgentError) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/** Finds out who the server is, enrols until that succeeds, and pins what the server signs with. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { state, role, token, signal } = options;
  const [identity, known] = await Promise.all([state.identity(options.computer), state.server()]);
  const url = options.server ?? known?.url;
  if (url === undefined)
    throw new AgentError("usage", "no server is known yet: name it with --server https://HOST:8472");
  const pin = (options.pin ?? (known?.url === url ? known.pin : undefined))?.toLowerCase();
  if (pin === undefined)
    throw new AgentError(
      "usage",
      `the key of ${url} is not known yet: give its fingerprint with --pin (ingot status shows it)`,
    );
  if (!isFingerprint(pin)) throw new AgentError("usage", `--pin ${pin}: expected 64 hex digits`);
  const client = new ServerClient({ url, pin }, identity);
  const inventory = await options.inventory();
  for (;;) {
    let answer: EnrolAnswer;
    try {
      answer = await client.enrol({ role, inventory, ...(token === undefined ? {} : { token }) }, signal);
    } catch (error) {
      if (!(error instanceof AgentError) || error.code !== "server-unreachable") throw error;
      await options.onWait(error);
      continue;
    }
    if (answer.state !== "enrolled") {
      await options.onWait(answer);
      continue;
    }
    const { signingKey } = answer;
    // A server with the pinned key may only exchange its signing key where nobody has relied on the old one.
    if (known?.pin === pin && known.signingKey !== undefined && known.signingKey !== signingKey)
      throw new AgentError(
        "wrong-server",
        `${url} signs with ${signingKey}, pinned at enrolment is ${known.signingKey}; remove ${state.path} if that is right`,
      );
    if (known?.url !== url || known.pin !== pin || known.signingKey !== signingKey)
      await state.rememberServer({ url, pin, signingKey });
    return {
      client,
      identity,
      agentId: answer.agentId,
      machineId: answer.machineId,
      machineName: answer.machineName,
      signingKey,
      serverAheadMs: Date.parse(answer.serverTime) - Date.now(),
    };
  }
}
