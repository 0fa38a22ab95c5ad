import { hostname } from "node:os";
import { lineScreen, paintedScreen, type Screen } from "./screen.ts";
import type { ScreenContent } from "./screen-text.ts";

/** What the machine shows, as it is known: on the process's own output and on other terminals. */
export class Face {
  #content: ScreenContent;
  readonly #screens: readonly Screen[];

  /** @param devices terminals that are painted beside the own output. */
  constructor(devices: readonly string[], server: string) {
    this.#content = { machine: hostname(), server, addresses: [], notice: "starting" };
    const own = process.stdout.isTTY
      ? paintedScreen(undefined)
      : lineScreen((line) => process.stdout.write(`${new Date().toISOString()} ${line}\n`));
    this.#screens = [own, ...devices.map(paintedScreen)];
  }

  /** Changes what is shown; the rest stays. */
  update(change: Partial<ScreenContent>): void {
    this.#content = { ...this.#content, ...change };
    for (const screen of this.#screens) screen.show(this.#content);
  }

  /** Paints a last time. */
  close(): void {
    for (const screen of this.#screens) screen.close();
  }
}
