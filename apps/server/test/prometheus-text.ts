/** One series with its value, as it stands in the text. */
interface ParsedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One metric family of the text. */
export interface ParsedMetric {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly ParsedSample[];
}

const namePattern = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const samplePattern = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const labelPattern = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;
const valuePattern = /^([+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|NaN|[+-]?Inf)$/;
const types: readonly string[] = ["counter", "gauge", "histogram", "summary", "untyped"];

/**
 * Reads Prometheus' text format 0.0.4, and what Prometheus' own `promtool check metrics` asks of it besides: each family once,
 * with help and type before its series; no series twice; counters end with `_total`; histograms are whole. Throws an `Error`
 * for whatever is not so.
 */
export function parsePrometheusText(text: string): ReadonlyMap<string, ParsedMetric> {
  if (!text.endsWith("\n")) throw new Error("the text does not end with a newline");
  const metrics = new Map<string, { name: string; type: string; help: string; samples: ParsedSample[] }>();
  const series = new Set<string>();
  let current: string | undefined;
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const [, keyword, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (keyword === "HELP") {
      if (!namePattern.test(name) || metrics.has(name)) throw new Error(`bad or repeated: ${line}`);
      metrics.set(name, { name, type: "", help: rest, samples: [] });
      current = name;
    } else if (keyword === "TYPE") {
      const metric = metrics.get(name);
      if (metric === undefined || name !== current || metric.type !== "" || !types.includes(rest))
        throw new Error(`bad type: ${line}`);
      metric.type = rest;
    } else {
      const sample = parseSample(line);
      const key = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).toSorted(([a], [b]) => (a < b ? -1 : 1)))}`;
      if (series.has(key)) throw new Error(`a series twice: ${line}`);
      series.add(key);
      const metric = metrics.get(current ?? "");
      if (metric === undefined || !namesOf(metric.name, metric.type).includes(sample.name))
        throw new Error(`not a series of ${current}: ${line}`);
      metric.samples.push(sample);
    }
  }
  for (const metric of metrics.values()) checkMetric(metric);
  return metrics;
}

function parseSample(line: string): ParsedSample {
  const [, name = "", inner = "", value = ""] = samplePattern.exec(line) ?? [];
  if (name === "" || !valuePattern.test(value)) throw new Error(`not a series: ${line}`);
  const labels: Record<string, string> = {};
  labelPattern.lastIndex = 0;
  for (let at = 0; at < inner.length; at = labelPattern.lastIndex) {
    labelPattern.lastIndex = at;
    const [, label = "", text = ""] = labelPattern.exec(inner) ?? [];
    if (label === "" || label in labels) throw new Error(`bad label: ${line}`);
    labels[label] = text.replaceAll(/\\(.)/g, (_all, escaped: string) => (escaped === "n" ? "\n" : escaped));
  }
  return { name, labels, value: Number(value.replace("Inf", "Infinity")) };
}

function namesOf(name: string, type: string): readonly string[] {
  if (type === "histogram") return [`${name}_bucket`, `${name}_sum`, `${name}_count`];
  return type === "summary" ? [name, `${name}_sum`, `${name}_count`] : [name];
}

function checkMetric({ name, type, help, samples }: ParsedMetric): void {
  if (type === "" || help === "") throw new Error(`${name}: has no type or no help`);
  if (type === "counter" && !name.endsWith("_total")) throw new Error(`${name}: a counter's name ends with _total`);
  if (type !== "counter" && name.endsWith("_total")) throw new Error(`${name}: is no counter`);
  if (type === "counter" && samples.some(({ value }) => !(value >= 0))) throw new Error(`${name}: below zero`);
  if (type !== "histogram") return;
  const groups = Map.groupBy(samples, ({ labels: { le: _le, ...others } }) => JSON.stringify(others));
  for (const [labels, group] of groups) {
    const buckets = group.filter((sample) => sample.name.endsWith("_bucket"));
    const ends = buckets.map(({ labels: { le } }) => Number(le?.replace("Inf", "Infinity")));
    const rises = (values: readonly number[], strictly: boolean): boolean =>
      values.every((value, index) => index === 0 || value > (values[index - 1] ?? 0) - (strictly ? 0 : 1e-9));
    const count = group.find((sample) => sample.name === `${name}_count`)?.value;
    const whole =
      ends.at(-1) === Infinity &&
      rises(ends, true) &&
      rises(
        buckets.map(({ value }) => value),
        false,
      ) &&
      buckets.at(-1)?.value === count &&
      group.some((sample) => sample.name === `${name}_sum`);
    if (!whole) throw new Error(`${name}${labels}: is no whole histogram`);
  }
}
