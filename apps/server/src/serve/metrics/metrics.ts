import type { Control, OpenDisk } from "@ingot/control";
import { Registry } from "prom-client";
import type { ServiceBoard } from "../service-board.ts";
import { DISK_METRICS } from "./disk-metrics.ts";
import type { EventLoopDelay } from "./event-loop-delay.ts";
import { ISCSI_METRICS } from "./iscsi-metrics.ts";
import { JOB_METRICS } from "./job-metrics.ts";
import { MACHINE_METRICS, MAX_METRIC_MACHINES } from "./machine-metrics.ts";
import { register } from "./metric.ts";
import { registerProcessMetrics } from "./process-metrics.ts";
import type { MachineFacts, ReplicaFacts, ServerFacts } from "./server-facts.ts";
import { SERVICE_METRICS } from "./service-metrics.ts";

/** Where the figures come from. */
export interface MetricsDeps {
  readonly control: Pick<Control<OpenDisk>, "status" | "sessions" | "refusals" | "images" | "hub" | "jobs">;
  readonly board: Pick<ServiceBoard, "counters">;
  /** The replicas that are open. */
  readonly replicas: () => readonly ReplicaFacts[];
  readonly mainThread: Pick<EventLoopDelay, "buckets" | "used">;
}

/** The server's figures as text for Prometheus. Collections of garbage are counted from the first time on that somebody asks. */
export class Metrics {
  readonly #deps: MetricsDeps;
  #server: { readonly registry: Registry; facts: ServerFacts } | undefined;

  constructor(deps: MetricsDeps) {
    this.#deps = deps;
  }

  /** All figures of now; `machines`: also of each machine. */
  async read(options: { readonly machines: boolean }): Promise<string> {
    const facts = await this.#gather();
    this.#server ??= { registry: this.#newServerRegistry(), facts };
    // Read while this turn lasts: another asker changes nothing in between.
    this.#server.facts = facts;
    const server = this.#server.registry.metrics();
    return options.machines ? `${await server}\n${await this.#readMachines()}` : server;
  }

  #newServerRegistry(): Registry {
    const registry = new Registry();
    const facts = (): ServerFacts => {
      if (this.#server === undefined) throw new Error("metrics are read before there are any");
      return this.#server.facts;
    };
    for (const metric of [...SERVICE_METRICS, ...ISCSI_METRICS, ...DISK_METRICS, ...JOB_METRICS])
      register(registry, metric, facts);
    registerProcessMetrics(registry);
    return registry;
  }

  async #readMachines(): Promise<string> {
    const facts: MachineFacts = { machines: await this.#deps.control.sessions.totalsByMachine(MAX_METRIC_MACHINES) };
    const registry = new Registry();
    for (const metric of MACHINE_METRICS) register(registry, metric, () => facts);
    return registry.metrics();
  }

  async #gather(): Promise<ServerFacts> {
    const { control, board } = this.#deps;
    const replicas = this.#deps.replicas();
    const [status, imageNames] = await Promise.all([
      control.status(),
      control.images.namesOf(replicas.map(({ manifestId }) => manifestId)),
    ]);
    const { countByWorker, totals, waiting } = control.sessions;
    return {
      status,
      sessions: { countByWorker, totals, waiting },
      jobs: control.jobs.meter.read(),
      refusals: control.refusals.counts,
      counters: board.counters(),
      replicas,
      imageNames,
      mainThread: this.#deps.mainThread,
      streams: control.hub.readerCount,
    };
  }
}
