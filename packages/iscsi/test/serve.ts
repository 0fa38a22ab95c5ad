/**
 * A target over a file or over memory, for tests and measurements in a process of its own:
 * `node serve.ts [--file PATH] [--size BYTES] [--port N] [--chap NAME:SECRET]`. Prints `listening PORT`.
 */
import { parseArgs } from "node:util";
import { TargetServer } from "@ingot/iscsi";
import { MemoryDevice } from "./memory-device.ts";
import { RawFileDevice } from "./raw-file-device.ts";

const { values } = parseArgs({
  options: {
    file: { type: "string" },
    size: { type: "string", default: "67108864" },
    port: { type: "string", default: "0" },
    chap: { type: "string" },
    target: { type: "string", default: "iqn.2026-11.org.ingot:test" },
  },
});

const device = values.file === undefined ? new MemoryDevice(Number(values.size)) : new RawFileDevice(values.file);
const [name, secret] = values.chap?.split(":") ?? [];
const server = await TargetServer.listen({
  address: "127.0.0.1",
  port: Number(values.port),
  directory: {
    credentials: async () => (name === undefined || secret === undefined ? undefined : { name, secret }),
    resolve: async ({ targetName }) =>
      targetName === values.target ? { kind: "disk", device, id: "test" } : { kind: "refused", reason: "notFound" },
    list: async () => [{ targetName: values.target }],
  },
});
process.stdout.write(`listening ${server.address.port}\n`);
process.on("SIGTERM", () => void server.close());
