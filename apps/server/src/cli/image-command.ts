import {
  SPARSE_MEDIA_TYPE,
  encodeSparse,
  isName,
  NAME_RULE,
  uploadLineSchema,
  type Image,
  type ImageVerification,
  type UploadLine,
} from "@ingot/api";
import { openRawImage } from "@ingot/disks";
import { Command } from "commander";
import { ServerError } from "../errors.ts";
import { ApiRequestError, type ApiClient } from "./api-client.ts";
import type { CommonOptions } from "./common-options.ts";
import { connect } from "./connection.ts";
import { formatBytes, formatFacts, formatTable, processOutput } from "./output.ts";
import { byteProgress } from "./progress.ts";

/** `ingot image …` */
export function imageCommand(): Command {
  const image = new Command("image")
    .description("golden images and their versions")
    .addHelpText("after", "\nExamples:\n  ingot image add debian-lab disk.img\n  ingot image list");
  image
    .command("add <name> <file>")
    .description("add a raw disk image as the next version; holes and zeros cost nothing")
    .addHelpText(
      "after",
      "\nExamples:\n  ingot image add debian-lab disk.img\n  ingot image add debian-lab /dev/vg0/reference --json",
    )
    .action(addImage);
  image
    .command("list")
    .description("all images")
    .addHelpText("after", "\nExample:\n  ingot image list --json")
    .action(listImages);
  image
    .command("show <name>")
    .description("one image with its versions")
    .addHelpText("after", "\nExample:\n  ingot image show debian-lab")
    .action(showImage);
  image
    .command("remove <reference>")
    .description("remove a version (NAME:VERSION) or a whole image (NAME); refused while a machine needs it")
    .addHelpText("after", "\nExamples:\n  ingot image remove debian-lab:3\n  ingot image remove debian-lab")
    .action(removeImage);
  image
    .command("verify <reference>")
    .description("read every chunk of a version and check it against its digest")
    .addHelpText("after", "\nExample:\n  ingot image verify debian-lab:3")
    .action(verifyImage);
  return image;
}

async function addImage(name: string, file: string, options: CommonOptions): Promise<void> {
  const out = processOutput(options.json === true);
  if (!isName(name)) throw new ServerError("usage", `image name: got ${JSON.stringify(name)}, expected ${NAME_RULE}`);
  // Opened before connecting: a command of root's may become the data directory's owner, who could not open it.
  await using source = await openRawImage(file);
  await using connection = await connect(options.data);
  const progress = byteProgress(`adding ${name}`, source.sizeBytes, out.json);
  try {
    const result = await upload(connection.api, name, source, (offsetBytes) => progress.update(offsetBytes));
    progress.stop();
    out.result(result, () => describeResult(result));
  } finally {
    progress.stop();
  }
}

type UploadResult = Extract<UploadLine, { type: "result" }>;

async function upload(
  api: ApiClient,
  name: string,
  source: { readonly sizeBytes: number; readonly data: AsyncIterable<{ offset: number; bytes: Uint8Array }> },
  onProgress: (offsetBytes: number) => void,
): Promise<UploadResult> {
  let sourceError: unknown;
  const body = ReadableStream.from(
    (async function* () {
      try {
        // A copy, because the sender may hold a piece longer than the source keeps its buffer. Not slice(): of a Buffer
        // that is a view.
        for await (const piece of encodeSparse(source)) yield new Uint8Array(piece);
      } catch (error) {
        sourceError = error;
        throw error;
      }
    })(),
  );
  try {
    const response = await api.send("POST", `/api/v1/images/${name}/versions`, {
      body,
      duplex: "half",
      headers: { "content-type": SPARSE_MEDIA_TYPE },
    } as RequestInit);
    return await readUploadAnswer(response, onProgress);
  } catch (error) {
    // What broke the upload is the file's fault more often than the connection's; say the cause, not its echo.
    throw sourceError ?? error;
  }
}

async function readUploadAnswer(response: Response, onProgress: (offsetBytes: number) => void): Promise<UploadResult> {
  for await (const line of linesOf(response)) {
    const parsed = uploadLineSchema.parse(JSON.parse(line));
    if (parsed.type === "progress") onProgress(parsed.offsetBytes);
    if (parsed.type === "error")
      throw new ApiRequestError(parsed.error.code, parsed.error.message, parsed.error.details);
    if (parsed.type === "result") return parsed;
  }
  throw new ServerError("server-unreachable", "the server's answer ended before the image was added");
}

async function* linesOf(response: Response): AsyncGenerator<string> {
  let pending = "";
  const decoder = new TextDecoder();
  for await (const bytes of response.body ?? []) {
    pending += decoder.decode(bytes, { stream: true });
    const lines = pending.split("\n");
    pending = lines.pop() ?? "";
    yield* lines.filter((line) => line !== "");
  }
  if (pending !== "") yield pending;
}

function describeResult(result: UploadResult): string {
  const { version } = result;
  if (result.unchanged) return `${result.name}:${version.version} has this content already; no new version was made`;
  const stored = `${formatBytes(version.dataBytes)} of data in ${version.chunkCount} chunks, ${result.newChunkCount} new, ${formatBytes(version.storedBytes)} stored`;
  return `added ${result.name}:${version.version} (${formatBytes(version.sizeBytes)}: ${stored})`;
}

async function listImages(options: CommonOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  const images = await connection.api.list<Image>("/api/v1/images");
  out.result(images, () =>
    formatTable(
      ["NAME", "NEWEST", "VERSIONS", "SIZE", "DATA", "STORED", "TAGS"],
      images.map((image) => {
        const newest = image.versions.at(-1);
        return [
          image.name,
          newest === undefined ? "-" : String(newest.version),
          String(image.versions.length),
          newest === undefined ? "-" : formatBytes(newest.sizeBytes),
          newest === undefined ? "-" : formatBytes(newest.dataBytes),
          formatBytes(image.versions.reduce((sum, version) => sum + version.storedBytes, 0)),
          Object.entries(image.tags)
            .map(([tag, version]) => `${tag}=${version}`)
            .join(" "),
        ];
      }),
      "no images; add one: ingot image add NAME FILE",
    ),
  );
}

async function showImage(name: string, options: CommonOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  const image = await connection.api.get<Image>(`/api/v1/images/${encodeURIComponent(name)}`);
  out.result(image, () => {
    const facts = formatFacts([
      ["name", image.name],
      ["created", image.createdAt],
      [
        "tags",
        Object.entries(image.tags)
          .map(([tag, version]) => `${tag}=${version}`)
          .join(" ") || undefined,
      ],
    ]);
    const versions = formatTable(
      ["VERSION", "CREATED", "SIZE", "DATA", "UNIQUE", "STORED", "CHUNKS", "IN USE BY", "MANIFEST"],
      image.versions.map((v) => [
        String(v.version),
        v.createdAt,
        formatBytes(v.sizeBytes),
        formatBytes(v.dataBytes),
        formatBytes(v.uniqueBytes),
        formatBytes(v.storedBytes),
        String(v.chunkCount),
        String(v.inUseBy),
        v.manifestId.slice(0, 12),
      ]),
      "no versions",
    );
    return `${facts}\n\n${versions}`;
  });
}

async function removeImage(reference: string, options: CommonOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  await connection.api.delete(`/api/v1/images/${encodeURIComponent(reference)}`);
  out.result({ removed: reference }, () => `removed ${reference}`);
}

async function verifyImage(reference: string, options: CommonOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  const report = await connection.api.post<ImageVerification>(`/api/v1/images/${encodeURIComponent(reference)}/verify`);
  const name = `${report.name}:${report.version}`;
  out.result(report, () => {
    if (report.damage.length === 0)
      return `${name} is whole: ${report.chunkCount} chunks, ${formatBytes(report.checkedBytes)} checked`;
    return [
      `${name} is damaged:`,
      ...report.damage.map((d) => `  ${d.problem} ${d.digest.slice(0, 16)}: ${d.message}`),
    ].join("\n");
  });
  if (report.damage.length > 0)
    throw new ApiRequestError("damaged", `${name}: ${report.damage.length} chunks cannot be trusted`);
}
