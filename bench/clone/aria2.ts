import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SERVER_ADDRESS } from "./classroom.ts";
import { type CloneMethod, type CloneRun, hookOf, whenHookRan } from "./method.ts";
import { makeTorrent } from "./torrent.ts";

/** The best of the sizes that were tried: 64 KiB to 4 MiB. */
const PIECE_BYTES = 256 * 1024;

const OPTIONS = [
  "--enable-dht=false",
  "--bt-max-peers=0",
  "--file-allocation=none",
  "--seed-ratio=0.0",
  "--summary-interval=0",
  "--console-log-level=warn",
  "--follow-torrent=mem",
  "--bt-request-peer-speed-limit=500M",
  "--listen-port=6881",
];

/** BitTorrent: aria2 with opentracker. */
export const aria2: CloneMethod = {
  name: "aria2",
  verifies: true,
  tools: ["aria2c", "opentracker"],

  async prepare(run) {
    const announce = `http://${SERVER_ADDRESS}:6969/announce`;
    const torrent = await makeTorrent(run.image, "image", announce, PIECE_BYTES);
    await writeFile(torrentOf(run), torrent.bytes);
    await writeFile(join(run.serverDirectory, "whitelist"), `${torrent.infoHash}\n`);
  },

  async serve(run) {
    const { namespace } = run.classroom.server;
    const folder = run.serverDirectory;
    const tracker = ["-i", SERVER_ADDRESS, "-p", "6969", "-P", "6969", "-d", folder, "-w", "whitelist"];
    namespace.spawn("opentracker", tracker, { cwd: folder });
    const seed = namespace.spawn("aria2c", [...OPTIONS, "-V", "-d", join(run.image, ".."), torrentOf(run)]);
    await seed
      .waitForOutput(/Verification finished successfully|seeding/i, { timeoutMs: 60_000 })
      .catch(() => undefined);
  },

  receive(run, { seat, directory }) {
    const hook = hookOf(run, directory);
    const options = [...OPTIONS, `--on-bt-download-complete=${hook.path}`, "-d", directory, torrentOf(run)];
    const process = seat.namespace.spawn("aria2c", options, { env: hook.env });
    return { process, done: whenHookRan(process, directory), copy: join(directory, "image") };
  },
};

function torrentOf(run: CloneRun): string {
  return join(run.serverDirectory, "image.torrent");
}
