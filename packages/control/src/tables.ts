import type { Generated, Kysely } from "kysely";

/** What holds for the whole server; one row a setting, its value as JSON. */
interface SettingsTable {
  readonly key: string;
  readonly value: string;
}

/** Groups of machines. `image` is a reference as text. */
export interface GroupsTable {
  readonly name: string;
  readonly comment: string | null;
  readonly plan: string | null;
  readonly image: string | null;
  readonly mode: string | null;
  readonly created_at: string;
}

/** The inventory. Times are ISO 8601 texts. */
export interface MachinesTable {
  readonly id: string;
  readonly name: string;
  readonly group_name: string | null;
  readonly site: string | null;
  readonly comment: string | null;
  readonly uuid: string | null;
  readonly serial: string | null;
  readonly manufacturer: string | null;
  readonly product: string | null;
  readonly firmware: string;
  readonly plan: string | null;
  readonly image: string | null;
  readonly mode: string | null;
  /** JSON of `MachineQuirks`. */
  readonly quirks: string;
  readonly chap_user: string | null;
  /** CHAP needs the secret itself: a hash cannot answer a challenge (RFC 1994 §2.2). */
  readonly chap_secret: string | null;
  /** 1: nobody has set anything on it since it registered itself. */
  readonly untouched: number;
  readonly created_at: string;
  readonly last_seen_at: string | null;
  readonly address: string | null;
  readonly state: string;
  /** The highest boot number that was given to a boot script. */
  readonly allocated_boot: number;
  /** The image that was chosen in the menu for boot `allocated_boot`. */
  readonly allocated_image: string | null;
  /** The plan of the next boot alone: `local` after a machine's disk was filled. */
  readonly next_plan: string | null;
  /** The boot that the disk belongs to. */
  readonly current_boot: number;
  /** JSON of the last `BootTimeline`. */
  readonly boot: string | null;
  /** JSON of the last event that concerns the machine. */
  readonly last_event: string | null;
}

/** Who owns a MAC address: at most one machine. */
interface MacsTable {
  readonly mac: string;
  readonly machine_id: string;
}

/** Images; a row without versions only keeps `last_version`, so that no number is ever given twice. */
interface ImagesTable {
  readonly name: string;
  readonly created_at: string;
  readonly last_version: number;
}

/** Versions of images. */
export interface ImageVersionsTable {
  readonly image: string;
  readonly version: number;
  readonly manifest_id: string;
  readonly created_at: string;
  readonly size_bytes: number;
  readonly data_bytes: number;
  readonly unique_bytes: number;
  readonly stored_bytes: number;
  readonly chunk_count: number;
  readonly comment: string | null;
}

/** Tags of images. */
interface ImageTagsTable {
  readonly image: string;
  readonly tag: string;
  readonly version: number;
}

/** Which version a machine's overlay is over. A row exists from the first login until the overlay is thrown away. */
export interface DisksTable {
  readonly machine_id: string;
  readonly image: string;
  readonly version: number;
  readonly manifest_id: string;
  readonly created_at: string;
}

/** The history. */
export interface EventsTable {
  readonly id: Generated<number>;
  readonly at: string;
  readonly kind: string;
  readonly machine: string | null;
  readonly image: string | null;
  readonly message: string;
  /** JSON. */
  readonly data: string | null;
}

/** Jobs. */
export interface JobsTable {
  readonly id: Generated<number>;
  readonly kind: string;
  readonly state: string;
  readonly reason: string;
  /** JSON of `CreateJob`. */
  readonly spec: string;
  /** JSON of `TaskImage`: what is deployed or verified. */
  readonly image: string | null;
  readonly priority: number;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  /** JSON of `JobSummary`, as of the last change of state. */
  readonly summary: string;
}

/** Machines' parts of jobs. A machine that was removed stays here by name. */
export interface TasksTable {
  readonly id: string;
  readonly job_id: number;
  readonly machine_id: string;
  readonly machine_name: string;
  /** Place in the job's order, from 0. */
  readonly position: number;
  /** From 0. */
  readonly wave: number;
  readonly state: string;
  readonly reason: string;
  readonly attempt: number;
  /** 1: it had a slot in this attempt. */
  readonly begun: number;
  /** JSON of `TaskImage`. */
  readonly image: string | null;
  /** JSON of `TaskProgress`. */
  readonly progress: string;
  /** JSON of `TaskError`. */
  readonly error: string | null;
  readonly note: string | null;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly changed_at: string;
}

/** How tasks went, line by line, for the log of a job. */
export interface JobLogTable {
  readonly id: Generated<number>;
  readonly job_id: number;
  readonly at: string;
  readonly machine_id: string;
  readonly machine_name: string;
  readonly state: string;
  /** JSON of `TaskProgress`. */
  readonly progress: string;
  readonly error: string | null;
  /** The first sector, of 512 bytes, that the error is about. */
  readonly sector: number | null;
  /** The error's sentence, or what a task that is done says of it. */
  readonly detail: string | null;
}

/** What was deployed to each machine last. */
interface DeploymentsTable {
  readonly machine_id: string;
  readonly image: string;
  readonly version: number;
  readonly manifest_id: string;
  readonly deployed_at: string;
}

/** Agents: who has proved which key. */
export interface AgentsTable {
  readonly id: string;
  /** SHA-256 of the public key, in hexadecimal. */
  readonly fingerprint: string;
  readonly role: string;
  readonly state: string;
  readonly reason: string;
  readonly machine_id: string | null;
  /** What stands on its screen. */
  readonly code: string | null;
  readonly address: string | null;
  readonly created_at: string;
  readonly last_seen_at: string;
  /** JSON of `AgentInventory`. */
  readonly inventory: string;
}

/** Machines that an operator or a token has let in. */
interface MachineApprovalsTable {
  readonly machine_id: string;
  readonly approved_at: string;
  /** JSON of `Hardware`. */
  readonly hardware: string;
}

/** One-time tokens. */
export interface AgentTokensTable {
  readonly id: string;
  /** SHA-256 of the token, in hexadecimal. */
  readonly hash: string;
  readonly created_at: string;
  readonly expires_at: string;
  readonly used_at: string | null;
  /** Id of the agent. */
  readonly used_by: string | null;
  readonly comment: string | null;
}

/** All tables. */
export interface Tables {
  readonly settings: SettingsTable;
  readonly machine_groups: GroupsTable;
  readonly machines: MachinesTable;
  readonly macs: MacsTable;
  readonly images: ImagesTable;
  readonly image_versions: ImageVersionsTable;
  readonly image_tags: ImageTagsTable;
  readonly disks: DisksTable;
  readonly events: EventsTable;
  readonly jobs: JobsTable;
  readonly tasks: TasksTable;
  readonly job_log: JobLogTable;
  readonly deployments: DeploymentsTable;
  readonly agents: AgentsTable;
  readonly agent_tokens: AgentTokensTable;
  readonly machine_approvals: MachineApprovalsTable;
}

/** The database or a transaction on it. A function that takes this MUST NOT reach for another handle: with SQLite that would wait for ever. */
export type Database = Kysely<Tables>;
