import { randomBytes } from "node:crypto";
import { createAgentApp, type SwarmDoor, type SwarmMember } from "@ingot/control";
import { ControlDoor, signTicket, TrackerService, TransferEngine } from "@ingot/swarm";
import { networkContains, parseIpv4 } from "@ingot/wire";
import { agentDoorOf } from "../serve/boot-network.ts";
import { ready, type ServiceContext } from "../serve/service-context.ts";
import { listenForAgents } from "./agent-listener.ts";
import { sendByMulticast, usualMulticastRate } from "./multicast-sending.ts";
import { MulticastSessions } from "./multicast-sessions.ts";
import { Preloads } from "./preloads.ts";
import { Seeds } from "./seeds.ts";
import { SwarmSeeds } from "./swarm-seeds.ts";

/** How often the tracker looks for members that have gone silent. */
const SWEEP_MS = 5000;

/** How often it is looked at whether jobs wait for seeds. */
const PRELOAD_MS = 1000;

/** Uploads at a time over all swarms; beyond, a peer is told to come again. */
const MAX_UPLOADS = 64;

/** Compressed chunks need no cache of ours: they stand in packs, and those in the page cache. */
const CACHE_BYTES = 0;

/**
 * Opens the doors for agents: one for what they say to the server, two for what they fetch from it as from any member of a swarm. Without an
 * interface or `--agents` there are none.
 */
export async function startAgents(context: ServiceContext): Promise<void> {
  const { config, bootInterface, library, board, log, opened } = context;
  const door = agentDoorOf(config, bootInterface);
  if (door === undefined) {
    board.off("agents", "no boot interface; --agents ADDRESS:PORT opens a door for them");
    return;
  }
  const { identity, signing } = library.keys;
  const { address } = door;
  const { multicastRate, site = "" } = config;
  const onError = (error: unknown): void => log.error({ err: error }, "agents");
  const random = (): number => Math.random();
  const tracker = new TrackerService({
    random,
    now: () => Date.now(),
    signTicket: (ticket) => signTicket(ticket, signing),
    onEvent: (event) => {
      log.debug(event, "swarm");
      const isOwn = event.fingerprint === identity.fingerprint;
      if (event.kind === "banned" && isOwn && event.reason === "wrong-bytes" && event.piece !== undefined)
        seeds.doubt(event.swarm, event.piece).catch(onError);
      if (event.kind !== "expelled") return;
      const message = `an agent (key ${event.fingerprint.slice(0, 16)}…) is thrown out of a swarm: several others caught it sending wrong bytes`;
      library.control.events.record({ kind: "agent.expelled", message, data: { ...event } }).catch(onError);
    },
  });
  const sweeping = setInterval(() => tracker.sweep(), SWEEP_MS);
  opened.defer(() => clearInterval(sweeping));
  const port = config.swarmPort;
  const engine = await TransferEngine.start({
    threads: config.seedThreads,
    identity,
    listen: { address, port: port === 0 ? 0 : port + 1 },
    maxUploads: MAX_UPLOADS,
    uploadBytesPerSecond: config.seedRate,
    cacheBytes: CACHE_BYTES,
  });
  opened.defer(() => engine.close());
  const control = await ControlDoor.start({ identity, address, port });
  opened.defer(() => control.close());
  const seeds = new Seeds({
    store: library.store,
    identity,
    ticketKey: signing.publicKey,
    tracker,
    engine,
    door: control,
    address,
    site,
    random,
    onDamaged: (manifestId, chunks) => void tellDamaged(library.control, manifestId, chunks).catch(onError),
    onError,
  });
  opened.defer(() => seeds.close());
  const sessions = new MulticastSessions({
    nowMs: () => Date.now(),
    setTimer(delayMs, callback) {
      const timer = setTimeout(callback, delayMs);
      return () => clearTimeout(timer);
    },
    randomBytes: (count) => randomBytes(count),
    rate: multicastRate === "off" ? undefined : 8 * (multicastRate ?? usualMulticastRate(bootInterface?.name)),
    send: (manifestId, plan, receivers, delayMs) =>
      sendByMulticast({ store: library.store, seeds, interfaceAddress: address }, manifestId, plan, receivers, delayMs),
    onError,
  });
  opened.defer(() => sessions.close());
  const swarmSeeds = new SwarmSeeds(tracker, identity.fingerprint);
  const preloads = new Preloads({
    now: () => performance.now(),
    jobs: library.control.jobs.seeds,
    sizeOf: (manifestId) => seeds.piecesOf(manifestId),
    scoreOf: (fingerprint) => swarmSeeds.scoreOf(fingerprint),
    site,
    onError,
  });
  const preloading = setInterval(() => void preloads.tick(), PRELOAD_MS);
  opened.defer(() => clearInterval(preloading));
  library.control.jobs.seeds.register = {
    seedsOf: (manifestId) => swarmSeeds.of(manifestId, preloads.partsOf(manifestId)),
  };
  // Whatever its room is called: who is in the server's own subnet reaches it without a slow line in between.
  const isNear = (host: string): boolean =>
    host === address || (bootInterface !== undefined && networkContains(bootInterface.network, parseIpv4(host)));
  const placed = (member: SwarmMember): SwarmMember => (isNear(member.address) ? { ...member, site } : member);
  const swarms: SwarmDoor = {
    async join(manifestId, member, request) {
      await seeds.ensure(manifestId);
      return tracker.join(manifestId, placed(member), request);
    },
    report: (manifestId, member, request) => tracker.report(manifestId, placed(member), request),
    leave: (manifestId, fingerprint) => tracker.leave(manifestId, fingerprint),
    seed: (member, request) => preloads.heartbeat(placed(member), request),
    multicast: (manifestId, _member, request, signal) => sessions.join(manifestId, request, signal),
  };
  const app = createAgentApp(library.control, { signingKey: signing.publicKey, swarms });
  const listener = await listenForAgents({
    ...door,
    identity,
    handle: (request, peer) => app.fetch(request, { fingerprint: peer.fingerprint, peerAddress: peer.address }),
    onError,
  });
  opened.defer(() => listener.close());
  const detail = `TLS, key ${identity.fingerprint}; seed on ports ${control.port} and ${engine.port}`;
  ready(context, "agents", { address, port: listener.port }, detail, () => {
    const { active } = seeds;
    return active.length === 0 ? detail : `${detail}; in ${active.length} ${active.length === 1 ? "swarm" : "swarms"}`;
  });
}

/** What the history says of damage that a receiver noticed. */
async function tellDamaged(
  { images, events }: ServiceContext["library"]["control"],
  manifestId: string,
  chunks: readonly string[],
): Promise<void> {
  const image = (await images.namesOf([manifestId])).get(manifestId);
  await events.record({
    kind: "image.damaged",
    image,
    message: `${image ?? `manifest ${manifestId}`}: a receiver got wrong bytes, and ${chunks.length === 1 ? "a chunk is" : `${chunks.length} chunks are`} damaged in the store; not served until the image is added again`,
    data: { manifest: manifestId, chunks: chunks.length, first: chunks[0] ?? "" },
  });
}
