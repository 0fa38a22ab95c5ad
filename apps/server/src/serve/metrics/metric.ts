import { bucketEndUs, estimateSumUs, type LatencyBuckets } from "@ingot/control";
import type { Metric as ClientMetric, Registry } from "prom-client";

/** Values of a metric's labels. */
type Labels = Readonly<Record<string, string>>;

/** One value of a metric. */
export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

/** A figure that is read when somebody asks: `Facts` is what was known at that moment. */
export type Metric<Facts> = {
  /** As Prometheus wants it: `ingot_…`, with the unit, and `_total` for what only grows. */
  readonly name: string;
  /** One sentence. */
  readonly help: string;
  readonly labels?: readonly string[];
} & (
  | { readonly type: "counter" | "gauge"; readonly read: (facts: Facts) => readonly Sample[] }
  | {
      readonly type: "histogram";
      readonly read: (facts: Facts) => readonly { readonly labels: Labels; readonly buckets: LatencyBuckets }[];
    }
);

/** One value without labels; none where it is not known. */
export function one(value: number | undefined): readonly Sample[] {
  return value === undefined ? [] : [{ value }];
}

/** One value for each entry, told apart by one label. */
export function each(label: string, values: Iterable<readonly [string | number, number]>): readonly Sample[] {
  return [...values].map(([text, value]) => ({ labels: { [label]: String(text) }, value }));
}

/** A value under its name: a metric's own, or one of those that a histogram is made of. */
interface NamedSample {
  readonly metricName?: string;
  readonly labels: Labels;
  readonly value: number;
}

/**
 * Puts a metric into a registry. The client's own classes count what is told to them; these figures are counted elsewhere, the
 * histogram among threads, so the registry gets an object that reads them.
 */
export function register<Facts>(registry: Registry, metric: Metric<Facts>, facts: () => Facts): void {
  const { name, help, type } = metric;
  const read = (): readonly NamedSample[] =>
    metric.type === "histogram"
      ? metric.read(facts()).flatMap(({ labels, buckets }) => histogramSamples(name, labels, buckets))
      : metric.read(facts()).map(({ labels = {}, value }) => ({ labels, value }));
  const reader = { name, help, type, get: () => Promise.resolve({ name, help, type, values: read() }) };
  // All that a registry uses of a metric is `name` and `get`; the type asks for the methods that count as well.
  registry.registerMetric(reader as unknown as ClientMetric);
}

/** Cumulative buckets in seconds, the estimated sum and the count. */
function histogramSamples(name: string, labels: Labels, buckets: LatencyBuckets): readonly NamedSample[] {
  let count = 0;
  const cumulative = buckets.map((inBucket, index): NamedSample => {
    count += inBucket;
    const le = index === buckets.length - 1 ? "+Inf" : String(bucketEndUs(index) / 1_000_000);
    return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: count };
  });
  if (buckets.length === 0)
    cumulative.push({ metricName: `${name}_bucket`, labels: { le: "+Inf", ...labels }, value: 0 });
  return [
    ...cumulative,
    { metricName: `${name}_sum`, labels, value: estimateSumUs(buckets) / 1_000_000 },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
