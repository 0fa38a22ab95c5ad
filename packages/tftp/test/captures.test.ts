import { readFile, writeFile } from "node:fs/promises";
import { readPcap, udpOfPcap } from "@ingot/testkit/link";
import type { UdpDatagram } from "@ingot/testkit/link";
import { expect, test } from "vitest";
import { parseFileName } from "../src/file-name.ts";
import { DEFAULT_LIMITS } from "../src/limits.ts";
import { negotiateOptions } from "../src/options.ts";
import { decodePacket, encodePacket } from "../src/packet.ts";
import type { TftpOption, TftpPacket } from "../src/packet.ts";

// OVMF (edk2 2022.11) with a virtio network card loads snponly.efi; that iPXE (git of 2019) then loads it again and again.
// All but a few ACKs and the DATA packets are left out.
const CAPTURE = new URL("captures/ovmf-and-ipxe.pcap", import.meta.url);
const GOLDEN = new URL("captures/ovmf-and-ipxe.txt", import.meta.url);
const SNPONLY_BYTES = 173_792;

function formatOptions(options: readonly TftpOption[]): string {
  return options.map(({ name, value }) => `${name}=${value}`).join(" ");
}

function formatPacket(packet: TftpPacket): string {
  switch (packet.kind) {
    case "rrq":
    case "wrq":
      return `${packet.kind} ${parseFileName(packet.filename)} ${packet.mode} ${formatOptions(packet.options)}`;
    case "data":
      return `data ${packet.block} ${packet.data.length}`;
    case "ack":
      return `ack ${packet.block}`;
    case "error":
      return `error ${packet.code} ${packet.message}`;
    case "oack":
      return `oack ${formatOptions(packet.options)}`;
  }
}

async function captured(): Promise<readonly UdpDatagram[]> {
  return udpOfPcap(readPcap(await readFile(CAPTURE)));
}

test("captured packets decode to the golden text (UPDATE_CAPTURES=1 rewrites it)", async () => {
  const lines = (await captured()).map(
    ({ sourcePort, destinationPort, payload }) =>
      `${sourcePort} > ${destinationPort} ${formatPacket(decodePacket(payload))}\n`,
  );
  if (process.env["UPDATE_CAPTURES"] !== undefined) {
    await writeFile(GOLDEN, lines.join(""));
  }
  expect(lines.join("")).toBe(await readFile(GOLDEN, "utf8"));
});

test("captured packets encode to the bytes they were", async () => {
  for (const { payload } of await captured()) {
    expect(encodePacket(decodePacket(payload))).toEqual(Uint8Array.from(payload));
  }
});

test("each captured request leads to the captured acknowledgement", async () => {
  const packets = (await captured()).map(({ payload }) => decodePacket(payload));
  const answers = packets.flatMap((packet) => {
    if (packet.kind !== "rrq") {
      return [];
    }
    const negotiation = negotiateOptions(packet.options, SNPONLY_BYTES, DEFAULT_LIMITS);
    return negotiation.kind === "agreed" ? [negotiation.acknowledged] : [];
  });
  expect(answers).toEqual(packets.flatMap((packet) => (packet.kind === "oack" ? [packet.options] : [])));
  expect(answers.length).toBeGreaterThan(2);
});
