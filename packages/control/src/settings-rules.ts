import {
  type BootPlan,
  type BootSettings,
  type DiskMode,
  type ImageReference,
  parseImageReference,
  type Settings,
  type SettingSource,
} from "@ingot/api";

/** What a machine gets, and from where. */
export interface EffectiveSettings {
  readonly plan: BootPlan;
  readonly planFrom: SettingSource;
  readonly image: ImageReference | undefined;
  readonly imageFrom: SettingSource;
  readonly mode: DiskMode;
  readonly modeFrom: SettingSource;
}

/**
 * What holds until an operator says otherwise. Machines that nobody has spoken about are left alone: they are sent to their
 * own disk, and nothing of them is touched.
 */
export const INITIAL_SETTINGS: Settings = {
  registration: "open",
  plan: "local",
  mode: "reset",
  enrolment: "open",
  alertBelowBytesPerSecond: 10_000_000,
  alertFailedPercent: 5,
};

/** Resolves each setting by itself: the machine's own, else its group's, else the server's. */
export function resolveSettings(own: BootSettings, group: BootSettings, server: Settings): EffectiveSettings {
  const [plan, planFrom] = first(own.plan, group.plan, server.plan);
  const [image, imageFrom] = first(own.image, group.image, server.image);
  const [mode, modeFrom] = first(own.mode, group.mode, server.mode);
  return { plan, planFrom, image, imageFrom, mode, modeFrom };
}

function first<Value>(own: Value | undefined, group: Value | undefined, fallback: Value): [Value, SettingSource] {
  if (own !== undefined) return [own, "machine"];
  if (group !== undefined) return [group, "group"];
  return [fallback, "default"];
}

/** The settings in the columns `plan`, `image` and `mode` of a machine or group. */
export function settingsOfRow(row: {
  readonly plan: string | null;
  readonly image: string | null;
  readonly mode: string | null;
}): BootSettings {
  return {
    plan: (row.plan ?? undefined) as BootPlan | undefined,
    image: row.image === null ? undefined : parseImageReference(row.image),
    mode: (row.mode ?? undefined) as DiskMode | undefined,
  };
}
