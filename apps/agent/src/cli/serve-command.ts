import { Command } from "commander";
import {
  addServerOptions,
  addSwarmOptions,
  interruptSignal,
  openPeerSession,
  type SwarmOptions,
  swarmSettings,
} from "./common.ts";
import { EXIT_CODE_HELP } from "./exit-codes.ts";

interface ServeOptions extends SwarmOptions {
  readonly from: string;
}

/** `ingot agent serve` */
export function serveCommand(): Command {
  const command = new Command("serve")
    .description("serve a version of an image from a file or disk that holds it, without changing it")
    .argument("<image>", "NAME, NAME:VERSION or NAME:TAG")
    .requiredOption(
      "--from <file|device>",
      "what holds it; every chunk is hashed first, and only the right ones are served",
    );
  addSwarmOptions(addServerOptions(command))
    .addHelpText(
      "after",
      `
Examples:
  ingot agent serve win11-lab --from /srv/win11.img --server https://10.0.0.1:8472 --pin 3f8a…
  ingot agent serve debian:3 --from debian.img --upload-rate 500Mbit
${EXIT_CODE_HELP}`,
    )
    .action(serve);
  return command;
}

async function serve(reference: string, options: ServeOptions): Promise<void> {
  const signal = interruptSignal();
  const isJson = options.json === true;
  const note = (line: string): void => {
    if (!isJson) process.stderr.write(`${line}\n`);
  };
  const [{ Deployment }, { startEngine, SwarmMember }, { findImage, labelOf, requireSigned }, { progressBar }] =
    await Promise.all([
      import("@ingot/disks"),
      import("../deploy/swarm-member.ts"),
      import("../deploy/verified-image.ts"),
      import("./progress-bar.ts"),
    ]);
  // A server of images takes nothing: no multicast, no downloads.
  const settings = { ...swarmSettings(options), method: "p2p" as const, onlyServes: true };
  const session = await openPeerSession(options, note, signal);
  const image = await findImage(session.client, session.signingKey, reference, signal);
  requireSigned(image);
  const label = labelOf(image);
  const view = await progressBar(isJson);
  await using deployment = await Deployment.open({
    path: options.from,
    manifest: image.manifest,
    manifestId: image.manifestId,
    readOnly: true,
    hashThreads: settings.threads,
    onProgress: (step) => view.show(`${label} ${step.step}`, { ...step, bytesPerSecond: 0 }),
    signal,
  });
  const report = await deployment.verify({ signal });
  view.stop();
  const { total, missing } = deployment.stats();
  const held = total.chunks - missing.chunks;
  await using engine = await startEngine(session.identity, settings);
  const member = await SwarmMember.join(
    session,
    engine,
    {
      manifestId: image.manifestId,
      manifest: image.manifest,
      fd: deployment.fd,
      offset: deployment.offset,
      held: deployment.heldChunks,
      onWritten: () => undefined,
    },
    settings,
  );
  if (isJson)
    process.stdout.write(
      `${JSON.stringify({ name: image.name, version: image.version, heldChunks: held, totalChunks: total.chunks })}\n`,
    );
  else
    note(
      `${label}: ${held} of ${total.chunks} chunks are right and served, ${report.damaged.length} are not; Ctrl-C ends it`,
    );
  if (!signal.aborted)
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  const { sentBytes } = member;
  await member.close();
  if (isJson) process.stdout.write(`${JSON.stringify({ sentBytes })}\n`);
  session.client.close();
}
