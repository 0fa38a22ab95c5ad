import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { type CloneMethod, endOf, hookOf, whenHookRan } from "./method.ts";

/** udpcast: acknowledgements for each slice; starts as soon as all have joined. */
export const udpcast: CloneMethod = {
  name: "udpcast",
  verifies: false,
  tools: ["udp-sender", "udp-receiver"],
  prepare: async () => undefined,

  async serve(run) {
    const all = String(run.classroom.receivers.length);
    const joined = ["--min-receivers", all, "--max-wait", "0"];
    const quiet = ["--nokbd", "--no-progress", "--interface", "eth0", "--ttl", "1", "--full-duplex"];
    run.classroom.server.namespace.spawn("udp-sender", [...quiet, ...joined, "--file", run.image]);
  },

  receive(_run, { seat, directory }) {
    const copy = join(directory, "image");
    const options = ["--nokbd", "--no-progress", "--interface", "eth0", "--ttl", "1", "--nosync", "--file", copy];
    const process = seat.namespace.spawn("udp-receiver", options);
    return { process, done: endOf(process), copy };
  },
};

/** Share of the link that leaves room for headers: 1,300 bytes of 1,400. */
const UFTP_SHARE = 0.94;

/** uftp: negative acknowledgements, fixed rate. */
export const uftp: CloneMethod = {
  name: "uftp",
  verifies: false,
  tools: ["uftp", "uftpd"],

  async prepare(run) {
    const hosts = run.classroom.receivers.map(({ address }) => {
      const bytes = address.split(".").map((part) => Number(part).toString(16).padStart(2, "0"));
      return `0x${bytes.join("").toUpperCase()}`;
    });
    await writeFile(join(run.serverDirectory, "hosts"), `${hosts.join("\n")}\n`);
  },

  serve: async () => undefined,

  receive(run, { seat, directory }) {
    const hook = hookOf(run, directory);
    const options = ["-d", "-t", "-B", "4194304", "-I", "eth0", "-D", directory, "-s", hook.path];
    const process = seat.namespace.spawn("uftpd", options, { env: hook.env });
    return { process, done: whenHookRan(process, directory), copy: join(directory, basename(run.image)) };
  },

  async send(run) {
    const rate = Math.round(run.linkMbit * 1000 * UFTP_SHARE);
    const options = ["-R", String(rate), "-B", "4194304", "-b", "1400", "-I", "eth0"];
    const hosts = ["-H", `@${join(run.serverDirectory, "hosts")}`];
    await run.classroom.server.namespace.run("uftp", [...options, ...hosts, run.image]);
  },
};
