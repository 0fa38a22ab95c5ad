import type { DiskMode } from "@ingot/api";

/**
 * One login, and what is known of the machine's boots.
 *
 * Each script that a machine gets names a target of its own, `…:boot<n>`, with n one higher each time. The first login to
 * boot n is the proof that the machine really started over: only then is anything thrown away. A script that is fetched and
 * not used, by a retry or by somebody who looks, changes nothing.
 */
export interface LoginFacts {
  /** From the target name; absent for a login with the bare name. */
  readonly requestedBoot: number | undefined;
  /** Highest boot that a script was given, 0 before the first. */
  readonly allocatedBoot: number;
  /** Boot that the disk belongs to, 0 before the first. */
  readonly currentBoot: number;
  readonly mode: DiskMode;
  /** The version under the overlay; absent where there is no overlay. */
  readonly boundVersion: string | undefined;
  /** The version that a new overlay would get; absent where no image is set. */
  readonly wantedVersion: string | undefined;
}

/** What to do with a login. */
export type LoginDecision =
  /** The machine is in this boot already, or asks by the bare name: one more session on the same disk. */
  | { readonly action: "join"; readonly bootId: number; readonly overlay: "keep" | "create" }
  /** A new boot: sessions of older boots are closed first, then the overlay is kept, thrown away or created. */
  | { readonly action: "start"; readonly bootId: number; readonly overlay: "keep" | "reset" | "create" }
  | { readonly action: "refuse"; readonly reason: "staleBoot" | "unknownBoot" | "noDisk" };

/**
 * Decides on a login.
 *
 * | requested | current | result |
 * |---|---|---|
 * | none | c | join c |
 * | n < c | c | refuse: a machine that was left behind must not write into the newer boot's disk |
 * | n = c | c | join c |
 * | c < n ≤ allocated | c | start n |
 * | n > allocated | c | refuse: nobody was told that name |
 */
export function decideLogin(facts: LoginFacts): LoginDecision {
  const { requestedBoot, allocatedBoot, currentBoot, mode, boundVersion, wantedVersion } = facts;
  if (requestedBoot !== undefined && requestedBoot < currentBoot) return { action: "refuse", reason: "staleBoot" };
  if (requestedBoot !== undefined && requestedBoot > Math.max(allocatedBoot, currentBoot)) {
    return { action: "refuse", reason: "unknownBoot" };
  }
  if (boundVersion === undefined && wantedVersion === undefined) return { action: "refuse", reason: "noDisk" };
  const absent = boundVersion === undefined;
  if (requestedBoot === undefined || requestedBoot === currentBoot) {
    return { action: "join", bootId: currentBoot, overlay: absent ? "create" : "keep" };
  }
  if (absent) return { action: "start", bootId: requestedBoot, overlay: "create" };
  // Without a wanted version (the image setting was taken away) a reset would leave the machine with nothing to boot.
  const resets = mode === "reset" && wantedVersion !== undefined;
  return { action: "start", bootId: requestedBoot, overlay: resets ? "reset" : "keep" };
}
