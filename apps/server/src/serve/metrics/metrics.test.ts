import { Control, type OpenDisk, openSqlite, type SessionReport } from "@ingot/control";
import { parseIpv4 } from "@ingot/wire";
import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ServiceBoard } from "../service-board.ts";
import { EventLoopDelay } from "./event-loop-delay.ts";
import { Metrics } from "./metrics.ts";
import { register } from "./metric.ts";
import { type ParsedMetric, parsePrometheusText } from "../../../test/prometheus-text.ts";
import type { ReplicaFacts } from "./server-facts.ts";

describe("the text of a running server", () => {
  let control: Control<OpenDisk>;
  let mainThread: EventLoopDelay;
  let metrics: Metrics;
  let replicas: ReplicaFacts[];

  beforeEach(async () => {
    const board = new ServiceBoard();
    control = await openControl(board);
    mainThread = new EventLoopDelay();
    board.ready(
      "iscsi",
      "10.0.0.1:3260",
      () => "",
      () => ({ logins: 3, refusedLogins: 1, malformed: 0, failed: 0, connections: 4, droppedConnections: 0 }),
    );
    board.ready(
      "tftp",
      "10.0.0.1:69",
      () => "",
      () => ({ requested: 2, completed: 1, probed: 0, failed: 1, refused: 0, malformed: 0, active: 0 }),
    );
    board.off("dhcp", "switched off");
    replicas = [];
    metrics = new Metrics({ control, board, replicas: () => replicas, mainThread });
  });

  afterEach(async () => {
    mainThread.close();
    await control.close();
  });

  const read = async (machines = false): Promise<ReadonlyMap<string, ParsedMetric>> =>
    parsePrometheusText(await metrics.read({ machines }));
  const valueOf = (
    found: ReadonlyMap<string, ParsedMetric>,
    name: string,
    labels: Readonly<Record<string, string>> = {},
  ): number | undefined =>
    found
      .get(name)
      ?.samples.find((sample) => Object.entries(labels).every(([label, text]) => sample.labels[label] === text))?.value;

  test("is well-formed, also while nothing has happened yet, and also when it is read again", async () => {
    for (let count = 0; count < 3; count += 1) {
      const found = await read();
      expect(valueOf(found, "ingot_info")).toBe(1);
      expect(valueOf(found, "ingot_iscsi_read_bytes_total")).toBe(0);
      expect(found.get("ingot_main_thread_delay_seconds")?.samples.length).toBeGreaterThan(20);
      expect(found.has("process_cpu_seconds_total")).toBe(true);
    }
  });

  test("two who ask at once are both answered", async () => {
    const texts = await Promise.all([metrics.read({ machines: true }), metrics.read({ machines: false })]);
    for (const text of texts) expect(parsePrometheusText(text).size).toBeGreaterThan(20);
  });

  test("holds what sessions did and what services counted", async () => {
    const { sessions, refusals } = control;
    const session = reportOf({ readBytes: 8192, readCommands: 32, writeCommands: 1, failedCommands: 2 });
    sessions.report([{ ...session, readLatency: [0, 0, 3, 0, 1], writeLatency: [0, 0, 0, 0, 1], openCommands: 7 }]);
    refusals.record({ initiator: "iqn.x:a", peer: "10.0.0.9", portal: "10.0.0.1:3260", status: "notFound" });
    const found = await read();
    expect(valueOf(found, "ingot_iscsi_sessions", { worker: "2" })).toBe(1);
    expect(valueOf(found, "ingot_iscsi_read_bytes_total")).toBe(8192);
    expect(valueOf(found, "ingot_iscsi_commands_total", { type: "read" })).toBe(32);
    expect(valueOf(found, "ingot_iscsi_commands_failed_total")).toBe(2);
    expect(valueOf(found, "ingot_iscsi_commands_open")).toBe(7);
    expect(valueOf(found, "ingot_iscsi_logins_total")).toBe(3);
    expect(valueOf(found, "ingot_iscsi_logins_refused_total", { status: "notFound" })).toBe(1);
    expect(valueOf(found, "ingot_tftp_transfers_total", { what: "completed" })).toBe(1);
    expect(valueOf(found, "ingot_service_up", { service: "tftp" })).toBe(1);
    expect(valueOf(found, "ingot_service_up", { service: "dhcp" })).toBeUndefined();
    const reads = found
      .get("ingot_iscsi_command_duration_seconds")
      ?.samples.filter(({ labels }) => labels["type"] === "read");
    expect(reads?.map(({ labels, value }) => [labels["le"], value])).toEqual([
      ["0.000002", 0],
      ["0.000004", 0],
      ["0.000008", 3],
      ["0.000016", 3],
      ["+Inf", 4],
      [undefined, 3 * 6e-6 + 16e-6],
      [undefined, 4],
    ]);
  });

  test("tells how far replicas are filled, by the image's name where it has one", async () => {
    replicas = [
      { manifestId: "ab".repeat(32), heldChunks: 2, chunkCount: 10, heldBytes: 200, dataBytes: 1000, fetchedChunks: 1 },
    ];
    const found = await read();
    expect(valueOf(found, "ingot_replica_held_chunks", { image: "abababababab" })).toBe(2);
    expect(valueOf(found, "ingot_replica_chunks")).toBe(10);
  });

  test("has no series of machines unless they are asked for", async () => {
    const { machines, sessions } = control;
    const { row } = await machines.identifyOrRegister({ mac: "52:54:00:00:00:01", firmware: "bios" });
    sessions.report([reportOf({ machineId: row.id, readBytes: 5 })]);
    expect([...(await read()).keys()].filter((name) => name.startsWith("ingot_machine_"))).toEqual([]);
    const found = await read(true);
    expect(valueOf(found, "ingot_machine_read_bytes_total", { machine: row.name })).toBe(5);
    expect(valueOf(found, "ingot_machine_sessions", { machine: row.name })).toBe(1);
  });
});

test("a main thread that is held up is seen", async () => {
  const delay = new EventLoopDelay();
  const until = performance.now() + 250;
  while (performance.now() < until);
  await vi.waitFor(() => expect(delay.buckets.slice(16).some((count) => count > 0)).toBe(true), 5000);
  expect(delay.used.activeSeconds).toBeGreaterThan(0);
  delay.close();
});

test("whatever a label holds is escaped", async () => {
  const registry = new Registry();
  const evil = 'a"b\\c\nd{e="f"} 1';
  register(
    registry,
    { name: "x", type: "gauge", help: 'of "x"', labels: ["y"], read: () => [{ labels: { y: evil }, value: 1 }] },
    () => undefined,
  );
  expect(parsePrometheusText(await registry.metrics()).get("x")?.samples).toEqual([
    { name: "x", labels: { y: evil }, value: 1 },
  ]);
});

describe("the parser of these tests refuses", () => {
  const head = "# HELP a b\n# TYPE a gauge\n";
  test.each([
    ["no newline at the end", `${head}a 1`],
    ["a series without help and type", "a 1\n"],
    ["a type without help", "# TYPE a gauge\na 1\n"],
    ["a family twice", `${head}a 1\n${head}`],
    ["a series of another family", `${head}b 1\n`],
    ["a series twice", `${head}a{x="1"} 1\na{x="1"} 2\n`],
    ["a value that is none", `${head}a one\n`],
    ["a label without quotes", `${head}a{x=1} 1\n`],
    ["a quote inside a label", `${head}a{x="a"b"} 1\n`],
    ["a counter that is not called so", "# HELP a b\n# TYPE a counter\na 1\n"],
    ["a counter below zero", "# HELP a_total b\n# TYPE a_total counter\na_total -1\n"],
    ["a histogram without +Inf", '# HELP a b\n# TYPE a histogram\na_bucket{le="1"} 1\na_sum 1\na_count 1\n'],
    [
      "a histogram that falls",
      '# HELP a b\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
    ],
    ["a histogram without a sum", '# HELP a b\n# TYPE a histogram\na_bucket{le="+Inf"} 1\na_count 1\n'],
  ])("%s", (_what, text) => {
    expect(() => parsePrometheusText(text)).toThrow(Error);
  });
});

/** A control plane in memory, without images and disks. */
function openControl(board: ServiceBoard): Promise<Control<OpenDisk>> {
  const nothing = (): Promise<never> => Promise.reject(new Error("there are no images here"));
  return Control.open({
    db: openSqlite(":memory:"),
    clock: { now: () => Date.now(), setTimer: () => () => undefined },
    random: (lengthBytes) => new Uint8Array(lengthBytes),
    library: {
      importImage: nothing,
      readSignature: () => Promise.resolve(undefined),
      readManifest: nothing,
      verify: nothing,
      listManifests: () => Promise.resolve([]),
      prune: () => Promise.resolve(),
    },
    keeper: {
      open: nothing,
      release: () => Promise.resolve(),
      discard: () => Promise.resolve(),
      overlayBytes: () => Promise.resolve(0),
    },
    network: {
      server: { address: parseIpv4("10.0.0.1"), httpPort: 8471 },
      disk: { address: parseIpv4("10.0.0.1"), port: 3260 },
    },
    version: "1.2.3",
    facts: () => Promise.resolve({ services: board.list(), store: { chunkCount: 0, packBytes: 0 } }),
    onError: (error) => {
      throw error;
    },
  });
}

function reportOf(facts: Partial<SessionReport>): SessionReport {
  return {
    id: "1",
    machineId: undefined,
    initiator: "iqn.x:a",
    isid: "00023d000001",
    target: "",
    peer: "10.0.0.9",
    portal: "10.0.0.1:3260",
    startedMs: Date.now() - 1000,
    lastActivityMs: 0,
    readBytes: 0,
    writtenBytes: 0,
    readCommands: 0,
    writeCommands: 0,
    otherCommands: 0,
    failedCommands: 0,
    openCommands: 0,
    queuedOutputBytes: 0,
    readLatency: [],
    writeLatency: [],
    worker: 2,
    ...facts,
  };
}
