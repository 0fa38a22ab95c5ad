import type { BootPlan, DiskMode, Machine, PatchMachine } from "@ingot/api";
import { imageText } from "./machine-words.ts";

/** The choice that takes the machine's own setting away, so that its group's or the server's holds. No image can be named so. */
export const INHERIT = "(inherit)";

/** What the operator chose so far; what is absent was not touched. */
export interface SettingsDraft {
  readonly plan?: BootPlan | typeof INHERIT;
  readonly image?: string;
  readonly mode?: DiskMode | typeof INHERIT;
}

/** The request that brings `machine` to what was chosen: only what really differs, `null` for what is to be inherited. */
export function settingsPatch(machine: Pick<Machine, "own">, draft: SettingsDraft): PatchMachine {
  const { own } = machine;
  const image = own.image === undefined ? INHERIT : imageText(own.image);
  return {
    ...(draft.plan !== undefined && draft.plan !== (own.plan ?? INHERIT) && { plan: orNull(draft.plan) }),
    ...(draft.image !== undefined && draft.image !== image && { image: orNull(draft.image) }),
    ...(draft.mode !== undefined && draft.mode !== (own.mode ?? INHERIT) && { mode: orNull(draft.mode) }),
  };
}

function orNull<Choice extends string>(choice: Choice): Exclude<Choice, typeof INHERIT> | null {
  return choice === INHERIT ? null : (choice as Exclude<Choice, typeof INHERIT>);
}
