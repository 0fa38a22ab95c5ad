import {
  type AgentInventory,
  type AgentSystem,
  type AgentTask,
  encodeSparse,
  type EnrolAnswer,
  type HeartbeatAnswer,
  type HeartbeatRequest,
  NO_PROGRESS,
  SPARSE_MEDIA_TYPE,
  type SparseImage,
  type TaskProgress,
  type TaskReport,
  type TaskReportAnswer,
} from "@ingot/api";
import type { Harness } from "./harness.ts";
import { answerOf, sending } from "./harness.ts";

/** Progress of so many bytes, all from peers. */
export function progressOf(doneBytes: number, totalBytes = 1000, changes: Partial<TaskProgress> = {}): TaskProgress {
  return { ...NO_PROGRESS, totalBytes, doneBytes, bytes: { ...NO_PROGRESS.bytes, peers: doneBytes }, ...changes };
}

/** What an agent says at the door, without a machine behind it. */
export class FakeAgent {
  readonly #harness: Harness;
  readonly fingerprint: string;
  readonly address: string;
  readonly inventory: AgentInventory;

  /** @param number tells its machine from others; agents with the same one say that they are the same machine. */
  constructor(harness: Harness, number: number, key: number = number, system: AgentSystem = "ram") {
    this.#harness = harness;
    this.fingerprint = key.toString(16).padStart(64, "0");
    this.address = `10.0.0.${50 + key}`;
    const digits = number.toString(16).padStart(2, "0");
    this.inventory = {
      system,
      agentVersion: "0.1.0",
      nics: [{ name: "eth0", mac: `52:54:00:00:00:${digits}`, address: this.address }],
      disks: [],
      uuid: `11111111-2222-4333-8444-5555555555${digits}`,
      serial: `SN-${digits}`,
      firmware: "uefi-x64",
    };
  }

  async post<Body>(path: string, body: unknown): Promise<{ status: number; body: Body }> {
    const bindings = { fingerprint: this.fingerprint, peerAddress: this.address };
    return answerOf(this.#harness.agents.request(`/agent/v1${path}`, sending("POST", body), bindings));
  }

  async get(path: string): Promise<Response> {
    return this.#harness.agents.request(
      `/agent/v1${path}`,
      {},
      { fingerprint: this.fingerprint, peerAddress: this.address },
    );
  }

  async enrol(changes: { readonly token?: string; readonly role?: "machine" | "peer" } = {}): Promise<EnrolAnswer> {
    const { body } = await this.post<EnrolAnswer>("/enrol", { role: "machine", inventory: this.inventory, ...changes });
    return body;
  }

  async heartbeat(said: Partial<HeartbeatRequest> = {}): Promise<HeartbeatAnswer> {
    return (
      await this.post<HeartbeatAnswer>("/heartbeat", { state: said.taskId === undefined ? "idle" : "working", ...said })
    ).body;
  }

  async report(taskId: string, report: Partial<TaskReport>): Promise<TaskReportAnswer> {
    const body = { state: "filling", progress: NO_PROGRESS, ...report };
    return (await this.post<TaskReportAnswer>(`/tasks/${taskId}/report`, body)).body;
  }

  /** Sends a disk; answers the lines of the server's answer. */
  async capture(taskId: string, disk: SparseImage): Promise<readonly { type: string }[]> {
    const body = ReadableStream.from(encodeSparse(disk));
    const init = { method: "POST", body, duplex: "half", headers: { "content-type": SPARSE_MEDIA_TYPE } };
    const bindings = { fingerprint: this.fingerprint, peerAddress: this.address };
    const response = await this.#harness.agents.request(`/agent/v1/captures/${taskId}`, init as RequestInit, bindings);
    return (await response.text())
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string });
  }
}

/** The task that an answer gives, which is not nothing. */
export function taskIn(answer: HeartbeatAnswer): Exclude<AgentTask, { kind: "idle" }> {
  const { task } = answer;
  if (task === undefined || task.kind === "idle") throw new Error(`no task: ${JSON.stringify(answer)}`);
  return task;
}
