import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";

/** Debian's Chromium, or what `CHROMIUM` names. */
export const CHROMIUM_PATH: string = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** Whether there is a browser to test with. */
export function hasChromium(): boolean {
  return existsSync(CHROMIUM_PATH);
}

/** A real browser with a page of its own profile. */
export interface Browser {
  /** Opens a page. What it writes to its console as an error, and what it throws, is in `faults`. */
  open(options: PageOptions): Promise<OpenPage>;
  /** Ends the browser and removes its profile. May be called twice. */
  close(): Promise<void>;
}

export interface PageOptions {
  readonly url: string;
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: "light" | "dark";
}

export interface OpenPage {
  readonly page: Page;
  readonly faults: readonly string[];
  /** Writes a picture of what is on the screen to the folder of screenshots and returns its path. */
  readonly screenshot: (name: string) => Promise<string>;
}

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts Chromium with a fresh profile. Screenshots go to `screenshots`, by default a folder under the system's temporary one. */
export async function launchBrowser(options: { readonly screenshots?: string } = {}): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), "ingot-chromium-"));
  const screenshots = options.screenshots ?? process.env["SCREENSHOTS"] ?? join(tmpdir(), "ingot-screenshots");
  await mkdir(screenshots, { recursive: true });
  const context: BrowserContext = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM_PATH,
    args: FLAGS,
    locale: "en-GB",
    timezoneId: "UTC",
  });
  let closed: Promise<void> | undefined;
  return {
    async open({ url, width = 1440, height = 900, scheme = "dark" }) {
      const page = await context.newPage();
      const faults: string[] = [];
      page.on("console", (message) => {
        if (message.type() === "error") faults.push(message.text());
      });
      page.on("pageerror", (error) => faults.push(error.message));
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme: scheme });
      await page.goto(url);
      return {
        page,
        faults,
        async screenshot(name) {
          const path = join(screenshots, `${name}.png`);
          await page.screenshot({ path });
          return path;
        },
      };
    },
    close() {
      closed ??= context.close().then(() => rm(profile, { recursive: true, force: true, maxRetries: 5 }));
      return closed;
    },
  };
}
