/** Gives out a chunk store over HTTP: node store-server-process.ts DIRECTORY ADDRESS PORT. Prints its URL. */
import { startStoreServer } from "@ingot/chunks/testing/server";

const [directory = ".", address = "127.0.0.1", port = "0"] = process.argv.slice(2);
const server = await startStoreServer(directory, { address, port: Number(port) });
console.log(server.url);
