import type { ServiceStatus } from "@ingot/api";

/** What a service counted since its start, by short names. */
export type ServiceCounters = Readonly<Record<string, number>>;

/** Which services there are and how they are, for the status; counters are read when somebody asks. */
export class ServiceBoard {
  readonly #services = new Map<string, () => ServiceStatus>();
  readonly #counters = new Map<string, () => ServiceCounters>();

  /** Puts a service on the board; `detail` and `counters` are asked for at each look. */
  ready(name: string, address: string, detail: () => string, counters?: () => ServiceCounters): void {
    this.#services.set(name, () => ({ name, state: "ready", address, detail: detail() }));
    if (counters !== undefined) this.#counters.set(name, counters);
  }

  /** A service that is switched off, and why. */
  off(name: string, detail: string): void {
    this.#services.set(name, () => ({ name, state: "off", detail }));
  }

  list(): readonly ServiceStatus[] {
    return [...this.#services.values()].map((read) => read());
  }

  /** What the services counted, by their names; those that count nothing are not there. */
  counters(): ReadonlyMap<string, ServiceCounters> {
    return new Map([...this.#counters].map(([name, read]) => [name, read()]));
  }
}
