import type { MachineTotals } from "@ingot/control";
import type { Metric, Sample } from "./metric.ts";
import type { MachineFacts } from "./server-facts.ts";

/** Machines of which there are series of their own, by name; more would be a burden to whoever stores them. */
export const MAX_METRIC_MACHINES = 5000;

const byMachine =
  (read: (machine: MachineTotals) => number) =>
  ({ machines }: MachineFacts): readonly Sample[] =>
    machines.map((machine) => ({ labels: { machine: machine.machineName }, value: read(machine) }));

/** What is counted of each machine since the server started; only with `?machines=1`. */
export const MACHINE_METRICS: readonly Metric<MachineFacts>[] = [
  {
    name: "ingot_machine_sessions",
    type: "gauge",
    help: "Sessions that are open on the machine's disk.",
    labels: ["machine"],
    read: byMachine(({ sessions }) => sessions),
  },
  {
    name: "ingot_machine_read_bytes_total",
    type: "counter",
    help: "Bytes read from the machine's disk.",
    labels: ["machine"],
    read: byMachine(({ totals }) => totals.readBytes),
  },
  {
    name: "ingot_machine_written_bytes_total",
    type: "counter",
    help: "Bytes written to the machine's disk.",
    labels: ["machine"],
    read: byMachine(({ totals }) => totals.writtenBytes),
  },
  {
    name: "ingot_machine_commands_total",
    type: "counter",
    help: "SCSI commands to the machine's disk.",
    labels: ["machine"],
    read: byMachine(({ totals }) => totals.readCommands + totals.writeCommands + totals.otherCommands),
  },
  {
    name: "ingot_machine_commands_failed_total",
    type: "counter",
    help: "SCSI commands to the machine's disk that failed.",
    labels: ["machine"],
    read: byMachine(({ totals }) => totals.failedCommands),
  },
];
