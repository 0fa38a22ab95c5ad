export {
  BOOT_STAGES,
  type BootStage,
  type BootStageEntry,
  bootStageSchema,
  type BootTimeline,
  bootTimelineSchema,
} from "./boot.ts";
export { type Disk, type DiskGrowth, diskSchema, type DiskSession } from "./disk.ts";
export {
  API_ERROR_CODES,
  API_ERROR_STATUS,
  type ApiError,
  type ApiErrorBody,
  apiErrorBodySchema,
  type ApiErrorCode,
  apiErrorSchema,
} from "./error.ts";
export { UploadError, type UploadErrorCode } from "./errors.ts";
export { EVENT_KINDS, type EventKind, eventKindSchema, eventSchema, type IngotEvent } from "./event.ts";
export { type Group, groupSchema, type PutGroup, putGroupSchema } from "./group.ts";
export {
  type Image,
  type ImageDamage,
  imageSchema,
  type ImageVerification,
  imageVerificationSchema,
  type ImageVersion,
  imageVersionSchema,
  type PutTag,
  putTagSchema,
} from "./image.ts";
export {
  DEFAULT_PAGE_SIZE,
  MAX_IMAGE_BYTES,
  MAX_MACS_PER_MACHINE,
  MAX_NAME_LENGTH,
  MAX_PAGE_SIZE,
  MAX_RECORD_BYTES,
  MAX_TEXT_LENGTH,
  SECTOR_BYTES,
} from "./limits.ts";
export { type LiveMessage, liveMessageSchema } from "./live.ts";
export {
  AGENT_PLANS,
  type AgentPlan,
  BOOT_PLANS,
  type BootPlan,
  bootPlanSchema,
  type BootSettings,
  bootSettingsSchema,
  type ChapCredentials,
  type CreateMachine,
  createMachineSchema,
  DISK_MODES,
  type DiskMode,
  diskModeSchema,
  type Firmware,
  FIRMWARES,
  firmwareSchema,
  isAgentPlan,
  type Machine,
  MACHINE_STATES,
  type MachineQuirks,
  machineQuirksSchema,
  machineSchema,
  type MachineState,
  machineStateSchema,
  type MachineTraffic,
  machineTrafficSchema,
  type PatchMachine,
  patchMachineSchema,
  SETTING_SOURCES,
  type SettingSource,
  settingSourceSchema,
} from "./machine.ts";
export {
  formatImageReference,
  type ImageReference,
  imageReferenceSchema,
  imageReferenceTextSchema,
  isName,
  isTag,
  NAME_RULE,
  nameSchema,
  parseImageReference,
  TAG_RULE,
  tagSchema,
} from "./names.ts";
export {
  diskPageSchema,
  eventPageSchema,
  groupPageSchema,
  imagePageSchema,
  machinePageSchema,
  type Page,
  type PageQuery,
  pageQueryShape,
  sessionPageSchema,
} from "./page.ts";
export { type BootReport, bootReportSchema } from "./report.ts";
export { type Session, type SessionFlow, sessionSchema } from "./session.ts";
export { decodeSparse, encodeSparse, type SparseImage, type SparseRange } from "./sparse.ts";
export {
  type PatchSettings,
  patchSettingsSchema,
  type ServiceStatus,
  type Settings,
  settingsSchema,
  type Status,
  statusSchema,
  type StoreStatus,
  type TrafficStatus,
} from "./status.ts";
export { SPARSE_MEDIA_TYPE, UPLOAD_ANSWER_MEDIA_TYPE, type UploadLine, uploadLineSchema } from "./upload.ts";
export { amountSchema, macInputSchema, macSchema, timeSchema, uuidSchema } from "./values.ts";
