import { Downloads } from "./downloads.ts";
import { ENDGAME_PIECES, LINE_SLOTS, NEEDIER_BY_PIECES, SEED_EXTRA_SLOTS, SEED_LINE_SLOTS } from "./limits.ts";
import type { PieceSet } from "./piece-set.ts";
import { Rarity } from "./rarity.ts";
import { SuperSeeding } from "./super-seeding.ts";

/** What a peer asks its surroundings to do. The calls return at once; what comes of them comes back as an event. */
export interface PeerActions {
  /** Tell every neighbour that a piece is here now, verified. */
  announce(piece: number): void;
  /** Offer a neighbour one upload; it answers by asking for a piece or by declining. It SHOULD ask for the suggested one where there is a suggestion. */
  grant(neighbour: number, suggestion: number | undefined): void;
  /** Ask a neighbour that made an offer for a piece. */
  request(neighbour: number, piece: number): void;
  /**
   * Tell a neighbour that its offer is not needed now; and that none will be until it is told that they are welcome (`untilWelcome`), as
   * while everything that is missing comes by multicast.
   */
  decline(neighbour: number, untilWelcome: boolean): void;
  /** Stop a transfer that was asked for: the piece came from elsewhere. */
  cancel(neighbour: number, piece: number): void;
  /** Tell every neighbour that offers are welcome again, although no piece has come. */
  welcome(): void;
}

/** How a peer is made. */
export interface PeerOptions {
  /** The pieces that are here and verified; kept up to date by the peer. */
  readonly held: PieceSet;
  /** 0: it only takes. Otherwise one that holds everything from the start has `SEED_EXTRA_SLOTS` more. */
  readonly uploadSlots: number;
  readonly downloadSlots: number;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  readonly actions: PeerActions;
}

/** What a peer needs to know of a neighbour. */
export interface NeighbourFacts {
  readonly id: number;
  /** What it holds now; the peer takes this set over and keeps it up to date. */
  readonly held: PieceSet;
  /** For a neighbour across a slow line: the pieces that are this peer's to fetch there, the others being its fellow gateways'. */
  readonly share?: PieceSet | undefined;
}

/** Transfers that share a way out: those to neighbours nearby, and those over a slow line, which hold a slot far longer. */
interface Lane {
  readonly uploadSlots: number;
  readonly downloadSlots: number;
  /** What has been given away there, of a peer that had everything from the start. */
  readonly superSeeding: SuperSeeding | undefined;
  uploads: number;
}

interface Neighbour extends NeighbourFacts {
  readonly lane: Lane;
  /** How many pieces we hold that it does not. */
  lacking: number;
  /** It had no use for an offer, and has told of no progress since. */
  isBusy: boolean;
  /** It has no use for any offer until it says that they are welcome. */
  isProvided: boolean;
  /** An upload to it is offered or under way. */
  isServed: boolean;
  /** That offer does not count any more: it has not been answered for a while. */
  isQuiet: boolean;
}

/**
 * One member of a swarm without its sockets and disks: decides whom to offer an upload and which piece to take where one is offered.
 *
 * The side with upload capacity speaks first. A free slot is offered to a neighbour, which then picks the rarest piece that it can get
 * there, so that no request waits in a queue while its choice goes stale, and no slot is idle while a neighbour needs something. A pair that works is
 * kept, which spares both the search for another, until some neighbour has fallen behind. See docs/decisions/0012-swarm.md.
 */
export class Peer {
  readonly #options: PeerOptions;
  readonly #neighbours = new Map<number, Neighbour>();
  /** The keys of `#neighbours`, as long as they are the same. */
  #neighbourIds: readonly number[] | undefined;
  readonly #rarity: Rarity;
  readonly #downloads: Downloads;
  /** What somebody brings unasked: multicast. */
  #expected: PieceSet | undefined;
  readonly #near: Lane;
  readonly #far: Lane;

  constructor(options: PeerOptions) {
    this.#options = options;
    const { pieceCount, isFull } = options.held;
    const sends = options.uploadSlots > 0;
    const uploadSlots = options.uploadSlots + (isFull && sends ? SEED_EXTRA_SLOTS : 0);
    const lineSlots = isFull ? SEED_LINE_SLOTS : LINE_SLOTS;
    const seeding = (): SuperSeeding | undefined => (isFull ? new SuperSeeding(pieceCount, options.random) : undefined);
    this.#far = { uploadSlots: sends ? lineSlots : 0, downloadSlots: LINE_SLOTS, superSeeding: seeding(), uploads: 0 };
    this.#near = { uploadSlots, downloadSlots: options.downloadSlots, superSeeding: seeding(), uploads: 0 };
    this.#rarity = new Rarity(pieceCount, options.random);
    this.#downloads = new Downloads(pieceCount);
  }

  /** The pieces that are here and verified. */
  get held(): PieceSet {
    return this.#options.held;
  }

  /** How many pieces have to be fetched, being neither here nor expected, and how many of them no neighbour has. */
  countMissing(): { readonly missing: number; readonly unheld: number } {
    let missing = 0;
    let unheld = 0;
    for (let piece = 0; piece < this.held.pieceCount; piece++) {
      if (this.held.has(piece) || this.#expected?.has(piece) === true) continue;
      missing++;
      if (this.#rarity.copiesOf(piece) === 0) unheld++;
    }
    return { missing, unheld };
  }

  get neighbourIds(): readonly number[] {
    this.#neighbourIds ??= [...this.#neighbours.keys()];
    return this.#neighbourIds;
  }

  /** A neighbour is connected. One that is known already is left as it is. */
  addNeighbour(facts: NeighbourFacts): void {
    if (this.#neighbours.has(facts.id)) return;
    this.#rarity.addAll(facts.held, 1);
    const lacking = this.held.countMissingIn(facts.held);
    const lane = facts.share === undefined ? this.#near : this.#far;
    const neighbour = { ...facts, lane, lacking, isBusy: false, isProvided: false, isServed: false, isQuiet: false };
    this.#neighbours.set(facts.id, neighbour);
    this.#neighbourIds = undefined;
    this.#offerIfFree(neighbour);
  }

  /** A neighbour is gone; what it was sending can be had from others at once. */
  removeNeighbour(id: number): void {
    const neighbour = this.#neighbours.get(id);
    if (neighbour === undefined) return;
    this.#neighbours.delete(id);
    this.#neighbourIds = undefined;
    this.#rarity.addAll(neighbour.held, -1);
    neighbour.lane.superSeeding?.lost(id, (piece) => this.#rarity.copiesOf(piece) > 0);
    if (this.#downloads.removeNeighbour(id)) this.#options.actions.welcome();
    this.#endUpload(neighbour);
    this.#offerFreeSlots(neighbour.lane);
  }

  /** A neighbour holds one piece more, and has room for another. */
  neighbourHas(id: number, piece: number): void {
    const neighbour = this.#neighbours.get(id);
    if (neighbour === undefined || !neighbour.held.add(piece)) return;
    this.#rarity.add(piece);
    if (this.held.has(piece)) neighbour.lacking--;
    neighbour.isBusy = false;
    this.#offerIfFree(neighbour);
  }

  /** A neighbour that declined can use offers again. */
  neighbourWelcomes(id: number): void {
    const neighbour = this.#neighbours.get(id);
    if (neighbour === undefined) return;
    neighbour.isBusy = false;
    neighbour.isProvided = false;
    this.#offerIfFree(neighbour);
  }

  /** A neighbour offers an upload. */
  granted(id: number, suggestion: number | undefined): void {
    const neighbour = this.#neighbours.get(id);
    if (neighbour === undefined) return;
    const { lane } = neighbour;
    const hasRoom = this.#downloads.countFrom((from) => this.#neighbours.get(from)?.lane === lane) < lane.downloadSlots;
    const piece = hasRoom ? this.#pick(neighbour, suggestion) : undefined;
    if (piece === undefined) {
      this.#options.actions.decline(id, this.#isProvided());
      return;
    }
    this.#downloads.add(piece, id);
    this.#options.actions.request(id, piece);
  }

  /** A neighbour asks for a piece after an offer. */
  requested(id: number, piece: number): void {
    const neighbour = this.#neighbours.get(id);
    neighbour?.lane.superSeeding?.took(id, piece);
    if (neighbour?.isQuiet !== true) return;
    neighbour.isQuiet = false;
    neighbour.lane.uploads++;
  }

  /**
   * An offer has not been answered for a while (`QUIET_AFTER_MS`): its slot is given to another neighbour, while the offer stands. Most often the
   * neighbour is dead and will be found to be; where it was only slow, there is one upload more than there are slots for a while.
   */
  wentQuiet(id: number): void {
    const neighbour = this.#neighbours.get(id);
    if (neighbour === undefined || !neighbour.isServed || neighbour.isQuiet) return;
    neighbour.isQuiet = true;
    neighbour.lane.uploads--;
    const isElsewhere = (piece: number): boolean => this.#rarity.copiesOf(piece) > (neighbour.held.has(piece) ? 1 : 0);
    neighbour.lane.superSeeding?.lost(id, isElsewhere);
    this.#offerFreeSlots(neighbour.lane);
  }

  /** A neighbour has no use for an offer: until there is news, or until it says that offers are welcome. */
  declined(id: number, untilWelcome: boolean): void {
    const neighbour = this.#neighbours.get(id);
    if (neighbour === undefined) return;
    neighbour.isBusy = true;
    neighbour.isProvided = untilWelcome;
    neighbour.lane.superSeeding?.withdraw(id);
    const { lane } = neighbour;
    const wasFull = lane.uploads >= lane.uploadSlots;
    this.#endUpload(neighbour);
    // Where a slot was free before, nobody else could use it.
    if (wasFull) this.#offerFreeSlots(lane);
  }

  /** An upload has come to its end, be it good or bad. */
  uploaded(id: number): void {
    const neighbour = this.#neighbours.get(id);
    if (neighbour === undefined) return;
    this.#endUpload(neighbour);
    const { lane } = neighbour;
    if (lane.uploads < lane.uploadSlots && this.#isWorthKeeping(neighbour)) this.#offer(neighbour);
    this.#offerFreeSlots(lane);
  }

  /**
   * Pieces that come without being asked for, by multicast, are not picked as long as they are in `pieces`; the peer keeps the set and does not change it. What is under way
   * already goes on. A later call takes the place of the earlier one; undefined: nothing is expected any more.
   */
  setExpected(pieces: PieceSet | undefined): void {
    const before = this.#expected;
    this.#expected = pieces?.clone();
    const mayPickMore = before !== undefined && (pieces === undefined || before.countMissingIn(pieces) > 0);
    if (mayPickMore && !this.held.isFull) this.#options.actions.welcome();
  }

  /** A piece is here and verified; from a neighbour, or undefined when it came in another way. */
  received(id: number | undefined, piece: number): void {
    for (const source of this.#downloads.removePiece(piece)) {
      if (source !== id) this.#options.actions.cancel(source, piece);
    }
    if (!this.held.add(piece)) return;
    for (const neighbour of this.#neighbours.values()) {
      if (neighbour.held.has(piece)) continue;
      neighbour.lacking++;
      // What it declined was less than this.
      neighbour.isBusy = false;
    }
    this.#options.actions.announce(piece);
    this.#offerFreeSlots(this.#near);
    this.#offerFreeSlots(this.#far);
  }

  /** A piece did not come, or was not what it should be. */
  failed(id: number, piece: number): void {
    if (this.#downloads.remove(piece, id)) this.#options.actions.welcome();
  }

  #pick(neighbour: Neighbour, suggestion: number | undefined): number | undefined {
    const { id, held: offered, share } = neighbour;
    const { held } = this;
    const fetching = this.#downloads.pieces;
    const expected = this.#expected;
    const isWanted = (piece: number): boolean =>
      offered.has(piece) && !held.has(piece) && !fetching.has(piece) && expected?.has(piece) !== true;
    // What nobody else is known to have, no fellow gateway can be fetching from elsewhere.
    const isOurs = (piece: number): boolean => share?.has(piece) !== false || this.#rarity.copiesOf(piece) === 1;
    if (suggestion !== undefined && isOurs(suggestion) && isWanted(suggestion)) return suggestion;
    const piece = this.#rarity.pick({ offered, held, fetching, expected, share });
    if (piece !== undefined) return piece;
    if (share !== undefined) return this.#pickBeyondShare(neighbour, share);
    const isEndgame =
      expected === undefined && fetching.size <= ENDGAME_PIECES && held.size + fetching.size === held.pieceCount;
    return isEndgame ? this.#downloads.pickDuplicate(offered, id) : undefined;
  }

  /** Once the own share is complete: what a fellow gateway has not brought yet, one piece at a time, because it may be bringing just that. */
  #pickBeyondShare({ held: offered }: Neighbour, share: PieceSet): number | undefined {
    const { held } = this;
    const fetching = this.#downloads.pieces;
    if (share.countMissingIn(held) > 0) return undefined;
    for (const { id, share: other } of this.#neighbours.values()) {
      if (other !== undefined && this.#downloads.isFrom(id)) return undefined;
    }
    return this.#rarity.pick({ offered, held, fetching, expected: this.#expected, share: undefined });
  }

  /** Whether all that is missing comes of itself. */
  #isProvided(): boolean {
    const expected = this.#expected;
    if (expected === undefined) return false;
    const { held } = this;
    const comes = expected.countMissingIn(held) + this.#downloads.pieces.countMissingIn(expected);
    return held.size + comes === held.pieceCount;
  }

  #endUpload(neighbour: Neighbour): void {
    if (!neighbour.isServed) return;
    neighbour.isServed = false;
    if (neighbour.isQuiet) neighbour.isQuiet = false;
    else neighbour.lane.uploads--;
  }

  #isWorthKeeping(neighbour: Neighbour): boolean {
    // The piece just sent still counts as lacking, until the neighbour has announced it.
    if (neighbour.lacking < 2) return false;
    const neediest = this.#neediest(neighbour.lane);
    return neediest === undefined || neediest.lacking - neighbour.lacking <= NEEDIER_BY_PIECES;
  }

  /** Offers a free slot to a neighbour that has just become able to use one. Where a slot was free, nobody else could. */
  #offerIfFree(neighbour: Neighbour): void {
    if (neighbour.lane.uploads < neighbour.lane.uploadSlots && canUseOffer(neighbour)) this.#offer(neighbour);
  }

  #offerFreeSlots(lane: Lane): void {
    while (lane.uploads < lane.uploadSlots) {
      const neighbour = this.#neediest(lane);
      if (neighbour === undefined) return;
      this.#offer(neighbour);
    }
  }

  #offer(neighbour: Neighbour): void {
    neighbour.isServed = true;
    neighbour.lane.uploads++;
    this.#options.actions.grant(neighbour.id, neighbour.lane.superSeeding?.offer(neighbour.id, neighbour.held));
  }

  /** The neighbour of a lane that lacks most of what is here, of those that can use an offer; any of several. */
  #neediest(lane: Lane): Neighbour | undefined {
    let best: Neighbour | undefined;
    let ties = 0;
    for (const neighbour of this.#neighbours.values()) {
      if (neighbour.lane !== lane || !canUseOffer(neighbour)) continue;
      if (best === undefined || neighbour.lacking > best.lacking) {
        best = neighbour;
        ties = 1;
      } else if (neighbour.lacking === best.lacking && this.#options.random() * ++ties < 1) best = neighbour;
    }
    return best;
  }
}

function canUseOffer({ lacking, isBusy, isProvided, isServed }: Neighbour): boolean {
  return lacking > 0 && !isBusy && !isProvided && !isServed;
}
