import type { TaskProgress } from "@ingot/api";
import type { Manifest } from "@ingot/chunks";
import type { DeploymentProgress, DeploymentStats } from "@ingot/disks";
import type { TransferEngine } from "@ingot/swarm";
import type { Session } from "../client/session.ts";
import { AgentError } from "../errors.ts";
import type { KnownImage } from "./verified-image.ts";
import { type MemberEvent, SwarmMember, type SwarmSettings } from "./swarm-member.ts";

/** What to fill, with what. */
export interface FillOptions {
  readonly session: Session;
  readonly engine: TransferEngine;
  readonly image: Pick<KnownImage, "manifest" | "manifestId">;
  /** A device, or a file, which is made where it is missing. */
  readonly path: string;
  readonly settings: SwarmSettings;
  /** What it held before, where that is known. */
  readonly previous?: { readonly manifest: Manifest; readonly manifestId: string } | undefined;
  /** Reads everything again before it is called done, and fetches what turns out wrong. */
  readonly verify: boolean;
  readonly onStep: (progress: DeploymentProgress) => void;
  readonly onProgress: (progress: TaskProgress) => void;
  readonly onEvent?: ((event: MemberEvent) => void) | undefined;
  readonly signal: AbortSignal;
}

/** A filled target that still takes part in its swarm. */
export interface Filled {
  readonly member: SwarmMember;
  readonly found: DeploymentStats;
  readonly progress: TaskProgress;
  /** Ends the part in the swarm and closes the target. Idempotent. */
  close(): Promise<void>;
}

const PROGRESS_MS = 500;
/** Rounds of "read again, fetch what is wrong" before the disk is called bad. */
const VERIFY_ROUNDS = 3;

/**
 * Fills a target from the swarm: finds what is in place, joins, and returns when everything is written, verified and durable. What was
 * verified is remembered on the target whatever happens. Errors: those of `DiskError` and `SwarmError`, `damaged`
 * where a disk does not keep what was written, the signal's reason.
 */
export async function fill(options: FillOptions): Promise<Filled> {
  const { session, engine, image, settings, signal } = options;
  const { Deployment } = await import("@ingot/disks");
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  const onAbort = (): void => failure.reject(signal.reason);
  signal.throwIfAborted();
  signal.addEventListener("abort", onAbort, { once: true });
  const deployment = await Deployment.open({
    path: options.path,
    manifest: image.manifest,
    manifestId: image.manifestId,
    previous: options.previous,
    hashThreads: settings.threads,
    onProgress: options.onStep,
    onFailure: (error) => failure.reject(error),
    signal,
  });
  let member: SwarmMember | undefined;
  let timer: NodeJS.Timeout | undefined;
  const close = async (): Promise<void> => {
    clearInterval(timer);
    signal.removeEventListener("abort", onAbort);
    await member?.close();
    await deployment.close();
  };
  try {
    for (let round = 1; ; round++) {
      const joined = await SwarmMember.join(
        session,
        engine,
        {
          manifestId: image.manifestId,
          manifest: image.manifest,
          fd: deployment.fd,
          offset: deployment.offset,
          held: deployment.heldChunks,
          onWritten: (chunks) => deployment.written(chunks),
        },
        settings,
        options.onEvent,
      );
      member = joined;
      timer = setInterval(() => options.onProgress(joined.progress()), PROGRESS_MS);
      const zeroing = deployment.prepareZeroes({ signal });
      await Promise.race([Promise.all([joined.completed, zeroing]), failure.promise]);
      clearInterval(timer);
      options.onProgress(joined.progress());
      if (!options.verify) break;
      const report = await deployment.verify({ signal });
      if (report.damaged.length === 0 && report.notZero.length === 0) break;
      if (round === VERIFY_ROUNDS) {
        const [place] = [...report.places, ...report.notZero];
        throw new AgentError(
          "damaged",
          `${options.path} does not keep what is written: ${report.damaged.length} chunks are wrong when they are read again`,
          { sector: place === undefined ? undefined : Math.floor(place.offset / 512) },
        );
      }
      await joined.close();
    }
    await Promise.race([deployment.finish(), failure.promise]);
    return { member, found: deployment.stats(), progress: member.progress(), close };
  } catch (error) {
    await close();
    throw error;
  }
}
