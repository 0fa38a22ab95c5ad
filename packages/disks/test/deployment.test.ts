import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { seededRandom } from "@ingot/testkit/link";
import { afterEach, beforeEach, expect, test } from "vitest";

import { Deployment, type DeploymentOptions } from "../src/deployment.ts";
import { smallImage } from "./small-image.ts";

let directory: string;
let file: string;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), "ingot-deployment-"));
  file = path.join(directory, "disk");
});

afterEach(() => {
  fs.rmSync(directory, { recursive: true });
});

const image = smallImage(seededRandom(1), 200);

function open(options: Partial<DeploymentOptions> = {}): Promise<Deployment> {
  const { manifest, manifestId } = image;
  return Deployment.open({ path: file, manifest, manifestId, random: seededRandom(2), ...options });
}

function content(): Buffer {
  return fs.readFileSync(file).subarray(0, image.content.length);
}

test("a file that does not exist is created, filled and finished", async () => {
  await using deployment = await open();
  expect(deployment.stats().missing).toEqual(deployment.stats().total);
  await deployment.fill(image.reader);
  await deployment.finish();
  expect(content().equals(image.content)).toBe(true);
  expect(fs.readdirSync(directory)).toEqual(["disk"]);
});
