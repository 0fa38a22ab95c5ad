import { AREA_HEADER_BYTES, type DeployArea, locateArea, mapSectors } from "./deploy-area.ts";
import { decodeDeployHeader, type DeployHeader, DeployState, encodeDeployHeader } from "./deploy-header.ts";
import type { DeployPlan } from "./deploy-plan.ts";
import type { DeployTarget } from "./deploy-target.ts";
import { BITS_PER_SECTOR, decodeHaveSector, encodeHaveSector } from "./have-map.ts";
import { SECTOR_BYTES } from "./limits.ts";
import type { DurableFile } from "./volume.ts";

const BITS_BYTES = BITS_PER_SECTOR / 8;

/** Where the map's bytes go; offsets count from the area's start. */
interface MapPlace {
  read(offset: number, into: Uint8Array): void | Promise<void>;
  write(offset: number, bytes: Uint8Array): void | Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** An earlier version that the target may hold, or hold half of. */
export interface PreviousPlan {
  readonly plan: DeployPlan;
  readonly manifestId: string;
}

/** The bits of a deployment, on the target or beside it, and the order in which they become durable (docs/formats/deployment.md). */
export class DeployMap {
  /** Whether a map of this very deployment was found. */
  readonly isResumed: boolean;
  readonly #target: DeployTarget;
  #area: DeployArea;
  #place: MapPlace | undefined;
  readonly #plan: DeployPlan;
  readonly #manifestId: string;
  readonly #bits: Uint8Array;
  readonly #badSectors: ReadonlySet<number>;
  readonly #unsavedSectors = new Set<number>();
  #state: DeployState;

  private constructor(found: {
    target: DeployTarget;
    plan: DeployPlan;
    manifestId: string;
    area: DeployArea;
    place: MapPlace | undefined;
    state: DeployState | undefined;
    bits: Uint8Array;
    bad: ReadonlySet<number>;
  }) {
    this.#target = found.target;
    this.#plan = found.plan;
    this.#manifestId = found.manifestId;
    this.#area = found.area;
    this.#place = found.place;
    this.#bits = found.bits;
    this.#badSectors = found.bad;
    this.isResumed = found.state !== undefined;
    this.#state = found.state ?? DeployState.scanning;
    for (const sector of found.bad) this.#unsavedSectors.add(sector);
  }

  /** Finds the map of this deployment, or makes one without bits. Nothing else is changed on the target. */
  static async open(
    target: DeployTarget,
    plan: DeployPlan,
    manifestId: string,
    previous?: PreviousPlan,
  ): Promise<DeployMap> {
    const area = locateArea(plan, target);
    const found = { target, plan, manifestId, area };
    const existing = await openPlace(target, area, "existing");
    try {
      const header = existing === undefined ? undefined : await readHeader(existing);
      if (existing !== undefined && header !== undefined && isOurs(header, plan, manifestId, area)) {
        // What a killed process left unsynced is visible and will be built upon.
        await existing.sync();
        const { bits, bad } = await readBits(existing, plan, manifestId, header.state);
        return new DeployMap({ ...found, place: existing, state: header.state, bits, bad });
      }
      if (existing !== undefined && header !== undefined) await eraseHeader(existing);
    } catch (error) {
      await existing?.close();
      throw error;
    }
    await existing?.close();
    if (previous !== undefined) await forget(target, previous);
    const place = await openPlace(target, area, "create");
    const bits = new Uint8Array(sectorCount(plan) * BITS_BYTES);
    const map = new DeployMap({ ...found, place, state: undefined, bits, bad: new Set() });
    await map.#create();
    return map;
  }

  /** A map that is never stored. */
  static detached(target: DeployTarget, plan: DeployPlan, manifestId: string): DeployMap {
    const bits = new Uint8Array(sectorCount(plan) * BITS_BYTES);
    const area: DeployArea = { kind: "none", length: 0 };
    return new DeployMap({ target, plan, manifestId, area, place: undefined, state: undefined, bits, bad: new Set() });
  }

  /** Where the map is; `none` when it was removed, too. */
  get area(): DeployArea {
    return this.#area;
  }

  /** How far the deployment is, durably. */
  get state(): DeployState {
    return this.#state;
  }

  /** Whether the chunk's bit is set. */
  hasChunk(chunk: number): boolean {
    return this.#has(chunk);
  }

  /** Whether the chunk's bit was in a damaged sector when the map was opened. */
  isUnknown(chunk: number): boolean {
    return this.#badSectors.has(Math.floor(chunk / BITS_PER_SECTOR)) && !this.#has(chunk);
  }

  /** Whether the empty extent's bit is set. */
  hasEmpty(empty: number): boolean {
    return this.#has(this.#emptyBit(empty));
  }

  /** Changes a chunk's bit; durable after `save`. What it vouches for MUST be durable, and is not written before a cleared bit is. */
  setChunk(chunk: number, value: boolean): void {
    this.#set(chunk, value);
  }

  /** As `setChunk`, for an empty extent. */
  setEmpty(empty: number, value: boolean): void {
    this.#set(this.#emptyBit(empty), value);
  }

  /** Makes all changes of bits durable. MUST NOT be called while it runs. */
  async save(): Promise<void> {
    if (this.#place === undefined || this.#unsavedSectors.size === 0) return;
    const sectors = [...this.#unsavedSectors];
    this.#unsavedSectors.clear();
    for (const sector of sectors) await this.#writeSector(this.#place, sector);
    await this.#place.sync();
  }

  /** Makes a new state durable. */
  async setState(state: DeployState): Promise<void> {
    this.#state = state;
    if (this.#place === undefined) return;
    await this.#place.write(0, encodeDeployHeader(this.#header()));
    await this.#place.sync();
  }

  /**
   * Gives the area back to the image: afterwards there is no map. Everything MUST be durable and the state be `complete`,
   * so that it is done again when it is interrupted.
   */
  async remove(): Promise<void> {
    const place = this.#place;
    if (place === undefined) return;
    if (this.#area.kind === "beside") {
      await place.close();
      await this.#target.removeBeside();
    } else {
      await place.write(AREA_HEADER_BYTES, new Uint8Array(this.#area.length - AREA_HEADER_BYTES));
      await place.sync();
      await eraseHeader(place);
    }
    this.#place = undefined;
    this.#area = { kind: "none", length: 0 };
  }

  /** The target stays open. */
  async close(): Promise<void> {
    await this.#place?.close();
  }

  #has(bit: number): boolean {
    return ((this.#bits[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0;
  }

  #set(bit: number, value: boolean): void {
    const before = this.#bits[bit >> 3] ?? 0;
    const mask = 1 << (bit & 7);
    this.#bits[bit >> 3] = value ? before | mask : before & ~mask;
    this.#unsavedSectors.add(Math.floor(bit / BITS_PER_SECTOR));
  }

  #emptyBit(empty: number): number {
    return mapSectors(this.#plan.chunks.length) * BITS_PER_SECTOR + empty;
  }

  async #create(): Promise<void> {
    const place = this.#place;
    if (place === undefined) return;
    for (let sector = 0; sector < sectorCount(this.#plan); sector++) await this.#writeSector(place, sector);
    await place.sync();
    await this.setState(DeployState.scanning);
    if (this.#area.kind === "beside") await this.#target.syncBeside();
  }

  async #writeSector(place: MapPlace, sector: number): Promise<void> {
    const bits = this.#bits.subarray(sector * BITS_BYTES, (sector + 1) * BITS_BYTES);
    await place.write(AREA_HEADER_BYTES + sector * SECTOR_BYTES, encodeHaveSector(this.#manifestId, sector, bits));
  }

  #header(): DeployHeader {
    return {
      state: this.#state,
      chunkCount: this.#plan.chunks.length,
      emptyCount: this.#plan.empties.length,
      sizeBytes: this.#plan.sizeBytes,
      offset: this.#area.kind === "onTarget" ? this.#area.offset : undefined,
      manifestId: this.#manifestId,
    };
  }
}

function sectorCount(plan: DeployPlan): number {
  return mapSectors(plan.chunks.length) + mapSectors(plan.empties.length);
}

function isOurs(header: DeployHeader, plan: DeployPlan, manifestId: string, area: DeployArea): boolean {
  return (
    header.manifestId === manifestId &&
    header.sizeBytes === plan.sizeBytes &&
    header.chunkCount === plan.chunks.length &&
    header.emptyCount === plan.empties.length &&
    header.offset === (area.kind === "onTarget" ? area.offset : undefined)
  );
}

/** Undefined when there is no place, or nothing in it yet. */
async function openPlace(
  target: DeployTarget,
  area: DeployArea,
  how: "create" | "existing",
): Promise<MapPlace | undefined> {
  if (area.kind !== "onTarget") {
    const file = area.kind === "beside" ? await target.openBeside(how) : undefined;
    return file === undefined ? undefined : besidePlace(file);
  }
  const { offset } = area;
  return {
    read: (at, into) => target.read(offset + at, into),
    write: (at, bytes) => target.write(offset + at, bytes),
    sync: () => target.sync(),
    close: async () => undefined,
  };
}

function besidePlace(file: DurableFile): MapPlace {
  return {
    async read(at, into) {
      const { sizeBytes } = await file.measure();
      // A file cut short is damaged like any other.
      const length = Math.max(0, Math.min(into.length, sizeBytes - at));
      into.fill(0, length);
      await file.read(at, into.subarray(0, length));
    },
    write: (at, bytes) => file.write(at, bytes),
    sync: () => file.sync(),
    close: () => file.close(),
  };
}

async function readHeader(place: MapPlace): Promise<DeployHeader | undefined> {
  const bytes = new Uint8Array(AREA_HEADER_BYTES);
  await place.read(0, bytes);
  return decodeDeployHeader(bytes);
}

async function eraseHeader(place: MapPlace): Promise<void> {
  await place.write(0, new Uint8Array(AREA_HEADER_BYTES));
  await place.sync();
}

async function readBits(
  place: MapPlace,
  plan: DeployPlan,
  manifestId: string,
  state: DeployState,
): Promise<{ bits: Uint8Array; bad: Set<number> }> {
  const sectors = sectorCount(plan);
  // The sectors were perhaps zeroed since.
  if (state === DeployState.complete) return { bits: new Uint8Array(sectors * BITS_BYTES).fill(0xff), bad: new Set() };
  const bytes = new Uint8Array(sectors * SECTOR_BYTES);
  await place.read(AREA_HEADER_BYTES, bytes);
  const bits = new Uint8Array(sectors * BITS_BYTES);
  const bad = new Set<number>();
  for (let sector = 0; sector < sectors; sector++) {
    const found = decodeHaveSector(
      manifestId,
      sector,
      bytes.subarray(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES),
    );
    if (found === undefined) bad.add(sector);
    else bits.set(found, sector * BITS_BYTES);
  }
  return { bits, bad };
}

/** Nobody may believe the map of an earlier version any more, once this one changes the target. */
async function forget(target: DeployTarget, { plan, manifestId }: PreviousPlan): Promise<void> {
  const area = locateArea(plan, target);
  const place = await openPlace(target, area, "existing");
  if (place === undefined) return;
  try {
    const header = await readHeader(place);
    if (header !== undefined && isOurs(header, plan, manifestId, area)) await eraseHeader(place);
  } finally {
    await place.close();
  }
}
