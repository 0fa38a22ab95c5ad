import { mkdir, readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { SeedOrder } from "@ingot/api";
import { Command } from "commander";
import { backOffMs } from "../client/back-off.ts";
import type { LentPart } from "../deploy/lent-part.ts";
import { messageOf } from "../errors.ts";
import {
  addServerOptions,
  addSwarmOptions,
  interruptSignal,
  openPeerSession,
  type SwarmOptions,
  swarmSettings,
} from "./common.ts";
import { EXIT_CODE_HELP } from "./exit-codes.ts";

interface SeedOptions extends SwarmOptions {
  readonly folder: string;
  readonly site?: string;
}

const PART_FILE = /^([0-9a-f]{64})\.part$/;

/** `ingot agent seed` */
export function seedCommand(): Command {
  const command = new Command("seed")
    .description(
      "lend space and uplink: hold parts of images for jobs that are deployed with --preload, and serve them",
    )
    .requiredOption("--folder <dir>", "where parts are kept while their jobs are not over; made where it is missing")
    .option("--site <name>", "the branch that this machine stands in");
  addSwarmOptions(addServerOptions(command))
    .addHelpText(
      "after",
      `
It is asked for no more than the file system of the folder has room for, and gives the space back when a job is over.

Examples:
  ingot agent seed --folder /srv/ingot-parts --server https://10.0.0.1:8472 --pin 3f8a…
  ingot agent seed --folder /srv/ingot-parts --site berlin --upload-rate 200Mbit
${EXIT_CODE_HELP}`,
    )
    .action(seed);
  return command;
}

async function seed(options: SeedOptions): Promise<void> {
  const signal = interruptSignal();
  const isJson = options.json === true;
  const tell = (line: string, facts: object): void => {
    if (isJson) process.stdout.write(`${JSON.stringify(facts)}\n`);
    else process.stderr.write(`${line}\n`);
  };
  const { folder, site } = options;
  await mkdir(folder, { recursive: true });
  const [{ startEngine }, lent] = await Promise.all([
    import("../deploy/swarm-member.ts"),
    import("../deploy/lent-part.ts"),
  ]);
  const settings = { ...swarmSettings(options), method: "p2p" as const };
  const note = (line: string): void => void (isJson || process.stderr.write(`${line}\n`));
  const session = await openPeerSession(options, note, signal, site);
  await using engine = await startEngine(session.identity, settings);
  const parts = new Map<string, LentPart>();
  const follow = async ({ manifestId, image, part }: SeedOrder): Promise<void> => {
    const known = parts.get(manifestId);
    if (known !== undefined) return known.want(part);
    const onFailure = (error: unknown): void => {
      note(`${image}: ${messageOf(error)}`);
      parts.delete(manifestId);
    };
    const order = { manifestId, image, part };
    parts.set(
      manifestId,
      await lent.LentPart.open(
        order,
        { session, engine, folder, settings, onEvent: () => undefined, onFailure },
        signal,
      ),
    );
    tell(`${image}: holds a part of it`, { image, manifestId, part });
  };
  const forget = async (wanted: ReadonlySet<string>): Promise<void> => {
    for (const [manifestId, part] of parts) {
      if (wanted.has(manifestId)) continue;
      parts.delete(manifestId);
      await part.giveUp();
      tell(`${manifestId.slice(0, 12)}: is not wanted any more`, { manifestId, part: null });
    }
    for (const name of await readdir(folder)) {
      const manifestId = PART_FILE.exec(name)?.[1];
      if (manifestId !== undefined && !wanted.has(manifestId)) await unlink(join(folder, name));
    }
  };
  let isKnown = false;
  try {
    for (let failures = 0; !signal.aborted;) {
      let waitMs: number;
      try {
        const held = [...parts].map(([manifestId, part]) => ({ manifestId, pieces: part.heldPieces }));
        const answer = await session.client.seed({ freeBytes: await lent.freeBytes(folder), held }, signal);
        failures = 0;
        if (!isKnown) tell(`${folder} is lent to ${session.client.address.url}; Ctrl-C ends it`, { folder });
        isKnown = true;
        await forget(new Set(answer.orders.map(({ manifestId }) => manifestId)));
        for (const order of answer.orders) await follow(order);
        waitMs = answer.intervalSeconds * 1000;
      } catch (error) {
        if (signal.aborted) break;
        waitMs = backOffMs(++failures, Math.random());
        note(`${messageOf(error)}; asking again in ${Math.ceil(waitMs / 1000)} s`);
      }
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    for (const part of parts.values()) await part.close();
    session.client.close();
  }
}
