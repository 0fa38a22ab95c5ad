import fs from "node:fs";

import { seededRandom } from "@ingot/testkit/link";

import { Deployment } from "../src/deployment.ts";
import { smallImage } from "./small-image.ts";

// Arguments: target, seed of the image. Fills for ever again, a line for each flush, until it is killed.
const [path = "", seed = "1"] = process.argv.slice(2);
const { manifest, manifestId, reader } = smallImage(seededRandom(Number(seed)), 400);
const deployment = await Deployment.open({ path, manifest, manifestId });
fs.writeSync(1, `resumed ${deployment.stats().resumed.chunks}\n`);
for (const chunk of deployment.missingChunks()) {
  const { digest, offsets } = deployment.plan.chunk(chunk);
  const bytes = await reader.readChunk(digest);
  for (const offset of offsets) fs.writeSync(deployment.fd, bytes, 0, bytes.length, offset);
  deployment.written([chunk]);
  if (chunk % 10 !== 0) continue;
  await deployment.flush();
  fs.writeSync(1, `held ${deployment.plan.chunks.length - deployment.missingChunks().length}\n`);
}
await deployment.finish();
await deployment.close();
fs.writeSync(1, "finished\n");
