/**
 * Gives out a chunk store's directory over HTTP, as nginx would with `root DIR; autoindex on;`, for measurements of replicas
 * that are filled over a slow link: `node bench/store-server.ts DIR [PORT [ADDRESS]]`. Prints its URL, then runs until it is ended.
 */
import { startStoreServer } from "@ingot/chunks/testing/server";

const [directory, port = "0", address = "127.0.0.1"] = process.argv.slice(2);
if (directory === undefined) throw new Error("usage: store-server.ts DIR [PORT [ADDRESS]]");
const server = await startStoreServer(directory, { port: Number(port), address });
process.stdout.write(`${server.url}\n`);
