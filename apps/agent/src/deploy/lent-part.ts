import { statfs, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { SeedOrder, SeedPart } from "@ingot/api";
import type { PieceSet, TransferEngine } from "@ingot/swarm";
import type { Session } from "../client/session.ts";
import { messageOf } from "../errors.ts";
import { type MemberEvent, SwarmMember, type SwarmSettings } from "./swarm-member.ts";
import { fetchManifest } from "./verified-image.ts";

/** What a part needs of its surroundings. */
export interface LentPartOptions {
  readonly session: Session;
  readonly engine: TransferEngine;
  readonly folder: string;
  readonly settings: SwarmSettings;
  readonly onEvent: (event: MemberEvent) => void;
  /** The file system refused what was to be kept, or the like. */
  readonly onFailure: (error: unknown) => void;
}

/** The file of a part: as large as its image, and sparse. */
function partFile(folder: string, manifestId: string): string {
  return join(folder, `${manifestId}.part`);
}

/** Bytes that are free where parts are kept. */
export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** A part of an image that this machine holds for others, in a file of its own; what is there of it is verified and resumed. */
export class LentPart {
  readonly manifestId: string;
  readonly #options: LentPartOptions;
  readonly #member: SwarmMember;
  readonly #close: () => Promise<void>;
  readonly #piecesOf: (part: SeedPart) => PieceSet;
  #wanted: PieceSet;

  private constructor(
    order: SeedOrder,
    options: LentPartOptions,
    member: SwarmMember,
    piecesOf: (part: SeedPart) => PieceSet,
    close: () => Promise<void>,
  ) {
    this.manifestId = order.manifestId;
    this.#options = options;
    this.#member = member;
    this.#piecesOf = piecesOf;
    this.#close = close;
    this.#wanted = piecesOf(order.part);
    member.fetchOnly(this.#wanted);
  }

  /** Joins the swarm of the image. Errors: those of the client, of `Deployment.open`, of the swarm. */
  static async open(order: SeedOrder, options: LentPartOptions, signal: AbortSignal): Promise<LentPart> {
    const { session, engine, folder, settings, onEvent, onFailure } = options;
    const [{ Deployment }, { piecesOfPart, PieceMap }, { parseDigest }, manifest] = await Promise.all([
      import("@ingot/disks"),
      import("@ingot/swarm"),
      import("@ingot/chunks"),
      fetchManifest(session.client, order.manifestId, signal),
    ]);
    const manifestId = parseDigest(order.manifestId);
    const { pieceCount } = PieceMap.of(manifest);
    const deployment = await Deployment.open({
      path: partFile(folder, manifestId),
      manifest,
      manifestId,
      hashThreads: settings.threads,
      // Nobody boots from it.
      leaveDontCare: true,
      onFailure,
      signal,
    });
    try {
      const member = await SwarmMember.join(
        session,
        engine,
        {
          manifestId,
          manifest,
          fd: deployment.fd,
          offset: deployment.offset,
          held: deployment.heldChunks,
          onWritten: (chunks) => deployment.written(chunks),
        },
        settings,
        onEvent,
      );
      member.completed.catch((error: unknown) => {
        if (!signal.aborted) onFailure(error);
      });
      const piecesOf = (part: SeedPart): PieceSet => piecesOfPart(part, pieceCount);
      return new LentPart(order, options, member, piecesOf, async () => {
        await member.close();
        await deployment.close();
      });
    } catch (error) {
      await deployment.close();
      throw error;
    }
  }

  /** Another part is wanted, for example because a seed has died; what is there stays. */
  want(part: SeedPart): void {
    this.#wanted = this.#piecesOf(part);
    this.#member.fetchOnly(this.#wanted);
  }

  /** Pieces of the part that are there, verified. */
  get heldPieces(): number {
    return this.#wanted.size - this.#wanted.countMissingIn(this.#member.heldPieces);
  }

  /** Leaves the swarm; the part stays where it is. */
  close(): Promise<void> {
    return this.#close();
  }

  /** Leaves the swarm, and gives the space back. */
  async giveUp(): Promise<void> {
    await this.#close();
    await unlink(partFile(this.#options.folder, this.manifestId)).catch((error: unknown) => {
      throw new Error(`${this.manifestId}: ${messageOf(error)}`, { cause: error });
    });
  }
}
