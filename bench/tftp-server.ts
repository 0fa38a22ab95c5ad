/** Our TFTP server as a process of its own, for `tftp.ts`: node tftp-server.ts ADDRESS PORT DIRECTORY. */
import { openTftpServer } from "@ingot/tftp";
import { BootFiles } from "../apps/server/src/boot-files/index.ts";

const [address = "127.0.0.1", port = "69", directory = "."] = process.argv.slice(2);
const server = await openTftpServer({
  address,
  port: Number(port),
  files: new BootFiles([{ path: directory, linksInto: [] }]),
  limits: { maxBlksize: 65_464, maxTransfersPerClient: 100 },
});
console.log("ready");
process.once("SIGTERM", () => void server.close());
