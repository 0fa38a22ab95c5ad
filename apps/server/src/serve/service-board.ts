import type { ServiceStatus } from "@ingot/api";

/** Which services there are and how they are, for the status; counters are read when somebody asks. */
export class ServiceBoard {
  readonly #services = new Map<string, () => ServiceStatus>();

  /** Puts a service on the board; `detail` is asked for at each look. */
  ready(name: string, address: string, detail: () => string): void {
    this.#services.set(name, () => ({ name, state: "ready", address, detail: detail() }));
  }

  /** A service that is switched off, and why. */
  off(name: string, detail: string): void {
    this.#services.set(name, () => ({ name, state: "off", detail }));
  }

  list(): readonly ServiceStatus[] {
    return [...this.#services.values()].map((read) => read());
  }
}
