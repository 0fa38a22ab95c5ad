import { collectDefaultMetrics, type Registry } from "prom-client";

/** How often the library looks at the event loop, in ms: as good as never, see below. */
const NEVER_MS = 2 ** 30;

/**
 * What is left out of the library's figures. Those of the event loop begin anew with each reader, and are no number when
 * nothing was seen since the reader before. Those of active handles are made of lists with an entry for each socket, and some
 * are called `_total` without being counters.
 */
const LEFT_OUT: readonly string[] = ["nodejs_eventloop_lag_", "nodejs_active_"];

/** Registers the figures of the process: processor time, memory, open files, garbage collection. */
export function registerProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: NEVER_MS });
  for (const { name } of registry.getMetricsAsArray()) {
    if (LEFT_OUT.some((prefix) => name.startsWith(prefix))) registry.removeSingleMetric(name);
  }
}
