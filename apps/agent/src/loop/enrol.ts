import { setTimeout as sleep } from "node:timers/promises";
import type { AgentInventory } from "@ingot/api";
import { readToken } from "../cli/common.ts";
import type { RunOptions } from "../cli/run-command.ts";
import { backOffMs } from "../client/back-off.ts";
import { openSession, type Session } from "../client/session.ts";
import { AgentError, messageOf } from "../errors.ts";
import type { Face } from "../screen/face.ts";
import type { BootParameters } from "../state/kernel-command-line.ts";
import type { StateFolder } from "../state/state-folder.ts";

/** Enrols this machine, for as long as it takes: what somebody has to type for it stands on its screen. */
export async function enrol(
  options: RunOptions,
  boot: BootParameters,
  state: StateFolder,
  face: Face,
  signal: AbortSignal,
  inventory: () => Promise<AgentInventory>,
  computer: string,
): Promise<Session> {
  let failures = 0;
  return openSession({
    state,
    server: options.server ?? boot.server,
    pin: options.pin ?? boot.pin,
    role: "machine",
    inventory,
    computer,
    token: await readToken(options.tokenFile),
    signal,
    onWait: async (answer) => {
      if (answer instanceof AgentError) {
        const waitMs = answer.retryAfterMs ?? backOffMs(++failures, Math.random());
        face.update({ notice: `${messageOf(answer)}; asking again in ${Math.ceil(waitMs / 1000)} s` });
        await sleep(waitMs, undefined, { signal });
        return;
      }
      failures = 0;
      // A machine in a rack cannot give up: who was turned away asks again, more and more seldom as the server says.
      const { code, message, retryAfterSeconds } = answer;
      face.update(answer.state === "refused" ? { code, error: message } : { code, notice: message, error: undefined });
      await sleep(Math.max(1, retryAfterSeconds) * 1000, undefined, { signal });
    },
  });
}
