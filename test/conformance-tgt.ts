import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Tgt } from "../bench/targets/tgt.ts";
import type { Contestant } from "./conformance-run.ts";

const SIZE_BYTES = 64 * 1_048_576;

/** Debian's tgt with its default threads; every disk is a thin LUN over a sparse file. */
export async function startTgt(): Promise<Contestant> {
  const directory = await mkdtemp(join(tmpdir(), "ingot-conformance-tgt-"));
  const tgt = await Tgt.start();
  let tid = 0;
  return {
    async openDisk(test, needs) {
      const path = join(directory, `${test}.raw`);
      const file = await open(path, "w");
      await file.truncate(SIZE_BYTES);
      await file.close();
      const parameters = `thin_provisioning=1${needs.readOnly === true ? ",readonly=1" : ""}`;
      const { address, port, target, lun } = await tgt.serve(++tid, path, parameters);
      return [`iscsi://${address}:${port}/${target}/${lun}`];
    },
    async close() {
      await tgt[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}
