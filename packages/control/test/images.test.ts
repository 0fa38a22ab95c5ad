import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  encodeSparse,
  type Image,
  imageSchema,
  type Page,
  SPARSE_MEDIA_TYPE,
  type SparseImage,
  type UploadLine,
  uploadLineSchema,
} from "@ingot/api";
import { ChunkError, DirectoryStore } from "@ingot/chunks";
import { afterEach, beforeEach, expect, test } from "vitest";
import { answerOf, ApiClient, type Harness, imageOf, MemoryLibrary, openHarness } from "./harness.ts";

let harness: Harness;
let api: ApiClient;

beforeEach(async () => {
  harness = await openHarness();
  api = new ApiClient(harness.api);
});

afterEach(async () => {
  await harness.control.close();
  await harness.db.destroy();
  expect(harness.failures).toEqual([]);
});

async function bodyOf(image: SparseImage): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(Buffer.concat(await Array.fromAsync(encodeSparse(image))));
}

function post(path: string, body: Uint8Array<ArrayBuffer>, mediaType = SPARSE_MEDIA_TYPE): Promise<Response> {
  return Promise.resolve(
    harness.api.request(`/api/v1${path}`, { method: "POST", body, headers: { "content-type": mediaType } }),
  );
}

async function upload(name: string, image: SparseImage): Promise<UploadLine[]> {
  const response = await post(`/images/${name}/versions?comment=first`, await bodyOf(image));
  expect(response.status).toBe(200);
  const lines = (await response.text()).trim().split("\n");
  return lines.map((line) => uploadLineSchema.parse(JSON.parse(line)));
}

const image = async (reference: string): Promise<Image> => (await api.get<Image>(`/images/${reference}`)).body;
const versionsOf = async (name: string): Promise<number[]> =>
  (await image(name)).versions.map((entry) => entry.version);

test("an upload becomes a version; the same content again does not", async () => {
  const [first] = (await upload("debian", imageOf(1))).slice(-1);
  expect(first).toMatchObject({
    type: "result",
    name: "debian",
    unchanged: false,
    version: { version: 1, sizeBytes: 131_072, comment: "first" },
  });
  expect((await upload("debian", imageOf(1))).at(-1)).toMatchObject({
    type: "result",
    unchanged: true,
    version: { version: 1 },
  });
  expect((await upload("debian", imageOf(2))).at(-1)).toMatchObject({ type: "result", version: { version: 2 } });
  expect(imageSchema.parse(await image("debian")).versions).toHaveLength(2);
  expect((await image("debian:1")).versions.map((entry) => entry.version)).toEqual([1]);
  expect((await api.events("image.added")).map((event) => event.image)).toEqual(["debian:1", "debian:2"]);
});

test("a version number is never given twice", async () => {
  const { images } = harness.control;
  for (const fill of [1, 2, 3]) await images.add("a", imageOf(fill));
  await images.remove({ name: "a", version: 3 });
  await images.add("a", imageOf(4));
  expect(await versionsOf("a")).toEqual([1, 2, 4]);
  await images.remove({ name: "a" });
  expect((await api.get("/images/a")).status).toBe(404);
  await images.add("a", imageOf(5));
  expect(await versionsOf("a")).toEqual([5]);
});

test("an image that is needed is not removed, and the refusal says by whom", async () => {
  const { images } = harness.control;
  for (const fill of [1, 2, 3]) await images.add("a", imageOf(fill));
  await images.setTag("a", "stable", 1);
  await api.send("POST", "/machines", { name: "pc-1", macs: ["525400000001"], image: "a:stable" });
  await api.send("PUT", "/groups/room", { image: "a" });
  await api.send("PATCH", "/settings", { image: "a:3" });
  expect(await api.send("DELETE", "/images/a")).toMatchObject({
    status: 409,
    body: {
      error: {
        code: "inUse",
        details: { usedBy: expect.arrayContaining(["machine pc-1", "group room", "the server's default"]) },
      },
    },
  });
  expect(await api.send("DELETE", "/images/a:1")).toMatchObject({
    status: 409,
    body: { error: { details: { usedBy: ["machine pc-1", "tag a:stable"] } } },
  });
  expect(await api.send("DELETE", "/images/a/tags/stable")).toMatchObject({ status: 409 });
  expect((await api.send("DELETE", "/images/a:2")).status).toBe(204);
  expect(await versionsOf("a")).toEqual([1, 3]);
  expect((await image("a")).versions.map((entry) => entry.inUseBy)).toEqual([1, 2]);
});

test("removing gives the content back, but not what another image has too", async () => {
  const { images } = harness.control;
  await images.add("a", imageOf(1));
  await images.add("b", imageOf(1));
  await images.add("b", imageOf(2));
  await images.remove({ name: "b" });
  expect(harness.library.manifests.size).toBe(1);
  await images.remove({ name: "a" });
  expect(harness.library.manifests.size).toBe(0);
});

test("content that is still without a name survives a removal that runs at the same time", async () => {
  const { images } = harness.control;
  await images.add("a", imageOf(1));
  const adding = images.add("b", imageOf(1));
  await images.remove({ name: "a" });
  await adding;
  await images.settled();
  expect(harness.library.manifests.size).toBe(1);
  expect(await versionsOf("b")).toEqual([1]);
});

test("what a crash left without a name is cleared away at the next start", async () => {
  const library = new MemoryLibrary();
  await library.importImage(imageOf(9));
  const other = await openHarness({ library });
  expect(library.manifests.size).toBe(0);
  await other.control.close();
  await other.db.destroy();
});

test("shared and unique content is counted", async () => {
  const { images } = harness.control;
  const half = imageOf(1, 65_536);
  await images.add("small", half);
  await images.add("large", {
    sizeBytes: 131_072,
    data: (async function* () {
      yield { offset: 0, bytes: new Uint8Array(65_536).fill(1) };
      yield { offset: 65_536, bytes: new Uint8Array(65_536).fill(2) };
    })(),
  });
  await images.settled();
  expect((await image("small")).versions[0]?.uniqueBytes).toBe(0);
  expect((await image("large")).versions[0]?.uniqueBytes).toBe(65_536);
  expect((await api.get("/status")).body).toMatchObject({
    store: { imageBytes: 196_608, chunkBytes: 131_072 },
    counts: { images: 2, imageVersions: 2 },
  });
});

test.each([
  ["a path in the name", "/images/..%2Fetc/versions", SPARSE_MEDIA_TYPE, 400, "invalidRequest"],
  ["upper case in the name", "/images/Debian/versions", SPARSE_MEDIA_TYPE, 400, "invalidRequest"],
  ["another media type", "/images/a/versions", "application/octet-stream", 415, "unsupportedMediaType"],
])("an upload with %s is refused before it is read", async (_what, path, mediaType, status, code) => {
  expect(await answerOf(post(path, await bodyOf(imageOf(1)), mediaType))).toMatchObject({
    status,
    body: { error: { code } },
  });
});

test("an upload that is no upload, or ends early, leaves nothing", async () => {
  const whole = await bodyOf(imageOf(1));
  expect(await answerOf(post("/images/a/versions", whole.slice(1)))).toMatchObject({
    status: 400,
    body: { error: { code: "invalidUpload" } },
  });
  const response = await post("/images/a/versions", whole.slice(0, -5));
  expect(JSON.parse((await response.text()).trim())).toMatchObject({
    type: "error",
    error: { code: "invalidUpload", details: { code: "truncated" } },
  });
  expect((await api.get("/images/a")).status).toBe(404);
  expect(harness.library.manifests.size).toBe(0);
});

test("a full disk is said to be one, and the image is as before", async () => {
  harness.library.failure = new ChunkError("no-space", "packs: the disk is full");
  expect((await upload("a", imageOf(1))).at(-1)).toMatchObject({ type: "error", error: { code: "outOfSpace" } });
  harness.library.failure = new Error("write", { cause: Object.assign(new Error("x"), { code: "ENOSPC" }) });
  expect((await upload("a", imageOf(1))).at(-1)).toMatchObject({ type: "error", error: { code: "outOfSpace" } });
  expect((await api.get<Page<Image>>("/images")).body.total).toBe(0);
});

test("our own failures are told to the log, not to the asker", async () => {
  harness.library.failure = new Error("secret path /srv/ingot");
  expect((await upload("a", imageOf(1))).at(-1)).toMatchObject({
    type: "error",
    error: { code: "internal", message: expect.not.stringContaining("/srv") },
  });
  expect(harness.failures.splice(0)).toHaveLength(1);
});

test("verification names what is damaged", async () => {
  const { version } = await harness.control.images.add("a", imageOf(1));
  expect((await api.send("POST", "/images/a:1/verify")).body).toMatchObject({ version: 1, damage: [] });
  const [manifest] = harness.library.manifests.values();
  const [extent] = manifest?.extents ?? [];
  harness.library.damaged = extent?.kind === "chunk" ? [extent.digest] : [];
  expect((await api.send("POST", "/images/a/verify")).body).toMatchObject({
    version: version.version,
    damage: [{ problem: "missing" }, { problem: "missing" }],
  });
  expect(await api.events("image.damaged")).toHaveLength(1);
});

test("closing aborts an import that waits for its source, and waits for its end", async () => {
  const directory = await mkdtemp(join(tmpdir(), "ingot-images-"));
  const store = await DirectoryStore.open(directory);
  const other = await openHarness({ library: store });
  const reading = Promise.withResolvers<void>();
  const endless = (async function* (): AsyncGenerator<{ offset: number; bytes: Uint8Array }> {
    yield { offset: 0, bytes: new Uint8Array(65_536).fill(1) };
    reading.resolve();
    await new Promise<never>(() => undefined);
  })();
  const steps: string[] = [];
  const adding = other.control.images.add("a", { sizeBytes: 131_072, data: endless }).catch((error: unknown) => {
    steps.push("import ended");
    throw error;
  });
  const refused = expect(adding).rejects.toMatchObject({ code: "busy" });
  await reading.promise;
  await other.control.close();
  steps.push("closed");
  await refused;
  expect(steps).toEqual(["import ended", "closed"]);
  await expect(other.control.images.add("a", imageOf(1))).rejects.toMatchObject({ code: "busy" });
  expect(await store.listManifests()).toEqual([]);
  await other.db.destroy();
  await store.close();
  await rm(directory, { recursive: true });
});

test("images are listed page by page", async () => {
  for (const name of ["c", "a", "b"]) await harness.control.images.add(name, imageOf(1));
  const first = (await api.get<Page<Image>>("/images?limit=2")).body;
  expect([first.items.map((entry) => entry.name), first.total, first.nextCursor]).toEqual([["a", "b"], 3, "b"]);
  const second = (await api.get<Page<Image>>("/images?limit=2&cursor=b")).body;
  expect([second.items.map((entry) => entry.name), second.nextCursor]).toEqual([["c"], undefined]);
});
