import { each, type Metric, one, type Sample } from "./metric.ts";
import type { ServerFacts } from "./server-facts.ts";

const counterOf =
  (key: string) =>
  ({ counters }: ServerFacts): readonly Sample[] =>
    one(counters.get("iscsi")?.[key]);

/** What is counted of the iSCSI target, over all sessions, those that are over included. */
export const ISCSI_METRICS: readonly Metric<ServerFacts>[] = [
  {
    name: "ingot_iscsi_sessions",
    type: "gauge",
    help: "Sessions that are open now, discovery sessions included, by the worker thread that serves them (0: the main thread).",
    labels: ["worker"],
    read: ({ sessions }) => each("worker", sessions.countByWorker),
  },
  {
    name: "ingot_iscsi_logins_total",
    type: "counter",
    help: "Logins that became sessions.",
    read: counterOf("logins"),
  },
  {
    name: "ingot_iscsi_logins_refused_total",
    type: "counter",
    help: "Logins that were refused, by the status that the initiator was told (RFC 7143, 11.13.5).",
    labels: ["status"],
    read: ({ refusals }) => each("status", refusals),
  },
  {
    name: "ingot_iscsi_connections_total",
    type: "counter",
    help: "TCP connections that were taken.",
    read: counterOf("connections"),
  },
  {
    name: "ingot_iscsi_connections_dropped_total",
    type: "counter",
    help: "TCP connections that were dropped at once, because as many as may be were open or in login.",
    read: counterOf("droppedConnections"),
  },
  {
    name: "ingot_iscsi_malformed_total",
    type: "counter",
    help: "Connections that were ended because what came was not iSCSI as agreed.",
    read: counterOf("malformed"),
  },
  {
    name: "ingot_iscsi_errors_total",
    type: "counter",
    help: "Connections and accepts that failed by a fault of the server.",
    read: counterOf("failed"),
  },
  {
    name: "ingot_iscsi_read_bytes_total",
    type: "counter",
    help: "Bytes that machines read from their disks.",
    read: ({ sessions }) => one(sessions.totals.readBytes),
  },
  {
    name: "ingot_iscsi_written_bytes_total",
    type: "counter",
    help: "Bytes that machines wrote to their disks.",
    read: ({ sessions }) => one(sessions.totals.writtenBytes),
  },
  {
    name: "ingot_iscsi_commands_total",
    type: "counter",
    help: "SCSI commands; other: neither read nor write.",
    labels: ["type"],
    read: ({ sessions: { totals } }) =>
      each("type", [
        ["read", totals.readCommands],
        ["write", totals.writeCommands],
        ["other", totals.otherCommands],
      ]),
  },
  {
    name: "ingot_iscsi_commands_failed_total",
    type: "counter",
    help: "SCSI commands that ended with another status than GOOD, and not only to tell of a unit attention.",
    read: ({ sessions }) => one(sessions.totals.failedCommands),
  },
  {
    name: "ingot_iscsi_commands_open",
    type: "gauge",
    help: "SCSI commands that wait for their answer.",
    read: ({ sessions }) => one(sessions.waiting.openCommands),
  },
  {
    name: "ingot_iscsi_output_queued_bytes",
    type: "gauge",
    help: "Bytes of answers that the initiators have not taken yet.",
    read: ({ sessions }) => one(sessions.waiting.queuedBytes),
  },
  {
    name: "ingot_iscsi_command_duration_seconds",
    type: "histogram",
    help: "From a command's arrival to its answer; of a sample of the commands, so the count is lower than that of the commands. The sum is estimated from the buckets.",
    labels: ["type"],
    read: ({ sessions: { totals } }) => [
      { labels: { type: "read" }, buckets: totals.readLatency },
      { labels: { type: "write" }, buckets: totals.writeLatency },
    ],
  },
];
