import { defineConfig, type ViteUserConfig } from "vitest/config";

declare module "vitest" {
  interface ProvidedContext {
    /** Whether tests of chance and of kills are to be as many as they can be (`INGOT_THOROUGH=1`), and not only what fits into seconds. */
    readonly isThorough: boolean;
  }
}

/**
 * Three tiers of tests, told apart by file name:
 * `*.test.ts` runs in seconds and needs nothing; `*.peer.test.ts` needs somebody else's client or server
 * from Debian's packages and, mostly, root for network namespaces; `*.machine.test.ts` boots virtual machines.
 */
const config: ViteUserConfig = defineConfig({
  test: {
    // Vitest's own choice leaves one core idle, of two just as of eight.
    maxWorkers: "100%",
    provide: { isThorough: process.env["INGOT_THOROUGH"] === "1" },
    projects: [
      {
        test: {
          name: "unit",
          include: ["packages/**/*.test.ts", "apps/**/*.test.ts", "test/**/*.test.ts", "bench/**/*.test.ts"],
          exclude: ["**/node_modules/**", "**/*.peer.test.ts", "**/*.machine.test.ts"],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "peers",
          include: ["packages/**/*.peer.test.ts", "apps/**/*.peer.test.ts", "test/**/*.peer.test.ts"],
          exclude: ["**/node_modules/**"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "machines",
          include: ["test/**/*.machine.test.ts"],
          testTimeout: 900_000,
          hookTimeout: 900_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
export default config;
