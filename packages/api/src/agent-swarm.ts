import { z } from "zod";
import { amountSchema } from "./values.ts";

/** Pieces of one image, at most; the swarm's own limit. */
export const MAX_SWARM_PIECES = 2_621_440;

/** Addresses by which one peer can be reached: a machine with more network cards gives some of them. */
const MAX_PEER_ADDRESSES = 8;

/** Sources that one report tells of. */
const MAX_SOURCES_PER_REPORT = 64;

/** Uploads of one peer at a time, at most. */
const MAX_UPLOADS = 65_536;

/** Bans that one report tells of. */
const MAX_BANS_PER_REPORT = 64;

/** Neighbours that one answer introduces; more are told with the next one. */
const MAX_INTRODUCTIONS = 128;

/** Members of one swarm, at most. */
const MAX_SWARM_MEMBERS = 20_000;

/** Gateways of a site that divide an image among them. */
const MAX_GATEWAYS = 64;

/** Longest ticket, in characters of base64. */
const MAX_TICKET_LENGTH = 2048;

/** Longest time between two reports, in milliseconds. */
const MAX_REPORT_AFTER_MS = 600_000;

/** Longest body of these requests, in bytes. */
export const MAX_SWARM_BODY_BYTES = 16_384;

/** SHA-256 of a public key (its SPKI), in lower-case hexadecimal. */
export const fingerprintSchema: z.ZodType<string, string> = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .meta({ description: "SHA-256 of the public key", example: "0".repeat(64) });

const hostSchema = z.union([z.ipv4(), z.ipv6()]).meta({ description: "IP address" });
const portSchema = z.int().min(1).max(65_535);
const piecesSchema = z.int().min(0).max(MAX_SWARM_PIECES);
const reportAfterSchema = z.int().min(1).max(MAX_REPORT_AFTER_MS);

/** Where a peer's control door can be reached. */
export interface SwarmPeerAddress {
  readonly host: string;
  readonly port: number;
}

/** Whom a peer is to talk to. */
export interface SwarmPeerContact {
  readonly fingerprint: string;
  /** All of them lead to the same peer. */
  readonly addresses: readonly SwarmPeerAddress[];
  /** It stands in another site. */
  readonly isRemote: boolean;
}

/** Body of `POST /agent/v1/swarms/{manifestId}/join`. */
export interface SwarmJoin {
  /** Port of the peer's control door. */
  readonly port: number;
  /** Addresses of that door beside the one that the request comes from. */
  readonly hosts: readonly string[];
  readonly heldPieces: number;
  /** It holds the whole image. */
  readonly isComplete: boolean;
}

/** The peer is not let in. */
export interface SwarmRefusal {
  readonly state: "refused";
  /** `expelled`: several others caught it sending wrong bytes. */
  readonly reason: "expelled" | "full";
}

/** Answer to {@link SwarmJoin}. */
export type SwarmJoinAnswer =
  | {
      readonly state: "joined";
      /** Base64 of the signed statement that it shows other peers. */
      readonly ticket: string;
      readonly neighbours: readonly SwarmPeerContact[];
      /** Which of its site's gateways it is; absent when it is none. */
      readonly gatewayPlace?: number | undefined;
      /** When to report next. */
      readonly reportAfterMs: number;
    }
  | SwarmRefusal;

/** A neighbour that a peer has banned, and why. */
export interface SwarmBan {
  readonly fingerprint: string;
  readonly reason: "wrong-bytes" | "false-have" | "protocol" | "flood";
  /** With `wrong-bytes`: the piece that was not what it should be. */
  readonly piece?: number | undefined;
}

/** What a neighbour was worth as a source since the report before. */
export interface SwarmSource {
  readonly fingerprint: string;
  /** Bytes that came, and the milliseconds of the requests that brought them, added up. */
  readonly bytes: number;
  readonly ms: number;
  /** Milliseconds until it answers; absent where that was not measured. */
  readonly latencyMs?: number | undefined;
  /** Requests that it let stand or refused, and connections that it let break without a word. */
  readonly failures: number;
}

/** Body of `POST /agent/v1/swarms/{manifestId}/report`. */
export interface SwarmReport {
  readonly heldPieces: number;
  readonly isComplete: boolean;
  /** Neighbours that it is connected to. */
  readonly neighbours: number;
  /** Bytes on the wire since it joined. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Uploads offered or under way, and how many there may be. */
  readonly uploads: number;
  readonly uploadSlots: number;
  /** Those that something came from, or should have. */
  readonly sources: readonly SwarmSource[];
  /** Those banned since the report before. */
  readonly bans: readonly SwarmBan[];
}

/** Answer to {@link SwarmReport}. On `unknown` the peer joins again; its transfers go on. */
export type SwarmReportAnswer =
  | {
      readonly state: "known";
      readonly ticket?: string | undefined;
      /** New neighbours only. */
      readonly neighbours: readonly SwarmPeerContact[];
      readonly gatewayPlace?: number | undefined;
      readonly reportAfterMs: number;
    }
  | { readonly state: "unknown" }
  | SwarmRefusal;

const contactSchema: z.ZodType<SwarmPeerContact> = z.object({
  fingerprint: fingerprintSchema,
  addresses: z
    .array(z.object({ host: hostSchema, port: portSchema }))
    .min(1)
    .max(MAX_PEER_ADDRESSES + 1),
  isRemote: z.boolean(),
});

const ticketSchema = z.base64().min(1).max(MAX_TICKET_LENGTH);

const newsShape = {
  neighbours: z.array(contactSchema).max(MAX_INTRODUCTIONS),
  gatewayPlace: z
    .int()
    .min(0)
    .max(MAX_GATEWAYS - 1)
    .optional(),
  reportAfterMs: reportAfterSchema,
};

const refusalSchema = z.object({ state: z.literal("refused"), reason: z.enum(["expelled", "full"]) });

/** Schema of {@link SwarmJoin}. */
export const swarmJoinSchema: z.ZodType<SwarmJoin> = z
  .object({
    port: portSchema,
    hosts: z.array(hostSchema).max(MAX_PEER_ADDRESSES),
    heldPieces: piecesSchema,
    isComplete: z.boolean(),
  })
  .meta({ id: "SwarmJoin" });

/** Schema of {@link SwarmJoinAnswer}; for agents, who believe the server no more than they must. */
export const swarmJoinAnswerSchema: z.ZodType<SwarmJoinAnswer> = z
  .discriminatedUnion("state", [
    z.object({ state: z.literal("joined"), ticket: ticketSchema, ...newsShape }),
    refusalSchema,
  ])
  .meta({ id: "SwarmJoinAnswer" });

/** Schema of {@link SwarmReport}. */
export const swarmReportSchema: z.ZodType<SwarmReport> = z
  .object({
    heldPieces: piecesSchema,
    isComplete: z.boolean(),
    neighbours: z.int().min(0).max(MAX_SWARM_MEMBERS),
    sentBytes: amountSchema,
    receivedBytes: amountSchema,
    uploads: z.int().min(0).max(MAX_UPLOADS),
    uploadSlots: z.int().min(0).max(MAX_UPLOADS),
    sources: z
      .array(
        z.object({
          fingerprint: fingerprintSchema,
          bytes: amountSchema,
          ms: amountSchema,
          latencyMs: amountSchema.optional(),
          failures: amountSchema,
        }),
      )
      .max(MAX_SOURCES_PER_REPORT),
    bans: z
      .array(
        z.object({
          fingerprint: fingerprintSchema,
          reason: z.enum(["wrong-bytes", "false-have", "protocol", "flood"]),
          piece: piecesSchema.optional(),
        }),
      )
      .max(MAX_BANS_PER_REPORT),
  })
  .meta({ id: "SwarmReport" });

/** Schema of {@link SwarmReportAnswer}. */
export const swarmReportAnswerSchema: z.ZodType<SwarmReportAnswer> = z
  .discriminatedUnion("state", [
    z.object({ state: z.literal("known"), ticket: ticketSchema.optional(), ...newsShape }),
    z.object({ state: z.literal("unknown") }),
    refusalSchema,
  ])
  .meta({ id: "SwarmReportAnswer" });
