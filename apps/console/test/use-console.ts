import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "vite";
import { afterAll, afterEach, beforeAll } from "vitest";
import { type Browser, CHROMIUM_PATH, hasChromium, launchBrowser, type OpenPage } from "./browser.ts";
import { type ConsoleServer, serveConsole } from "./console-server.ts";
import type { FakeFleet } from "./fake-fleet.ts";
import { FakeIngot } from "./fake-ingot.ts";

/** Whether the tests are left out here, because there is no browser; in CI they fail instead. */
export const withoutBrowser: boolean = !hasChromium() && process.env["CI"] === undefined;
if (withoutBrowser) {
  process.stderr.write(`console: skipped, there is no browser at ${CHROMIUM_PATH} (CHROMIUM names another)\n`);
}

/** Where and how a page is opened. */
interface ConsoleOptions {
  readonly route?: string;
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: "light" | "dark";
}

/** A page of the console, and the server behind it. */
type OpenConsole = OpenPage & { readonly ingot: FakeIngot; readonly server: ConsoleServer };

/** Builds the console and starts a browser for the tests around the call; returns what opens a page in front of a server of its own. */
export function useConsole(): (fleet: FakeFleet, options?: ConsoleOptions) => Promise<OpenConsole> {
  let folder: string;
  let browser: Browser | undefined;
  const closing: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "ingot-console-"));
    await build({
      root: join(import.meta.dirname, ".."),
      logLevel: "error",
      build: { outDir: folder, emptyOutDir: true, reportCompressedSize: false },
    });
    browser = await launchBrowser();
  });

  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  return async (fleet, options = {}) => {
    if (browser === undefined) throw new Error("the browser has not started");
    const ingot = new FakeIngot(fleet);
    const server = await serveConsole(folder, (request) => ingot.respond(request));
    const opened = await browser.open({ ...options, url: `${server.url}#${options.route ?? "/machines"}` });
    closing.push(async () => {
      await opened.page.close();
      await server.stop();
    });
    return { ...opened, ingot, server };
  };
}
