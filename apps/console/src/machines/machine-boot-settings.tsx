import { Button, Select } from "@mantine/core";
import type { BootPlan, DiskMode, Machine, PatchMachine } from "@ingot/api";
import { type ReactElement, useState } from "react";
import { compareNames } from "../live/fleet.ts";
import { useFleet, useLive } from "../live/live-context.tsx";
import { Failure } from "../parts/failure.tsx";
import { useAction } from "../request/use-action.ts";
import { describeSource, imageText, MODE_LABELS, PLAN_LABELS } from "./machine-words.ts";
import { INHERIT, settingsPatch, type SettingsDraft } from "./settings-patch.ts";

/** What the machine gets at its next boot, and the form that changes it. */
export function MachineBootSettings({ machine }: { readonly machine: Machine }): ReactElement {
  const { api } = useLive();
  const images = useFleet((fleet) => fleet.images);
  const [draft, setDraft] = useState<SettingsDraft>({});
  const save = useAction((patch: PatchMachine) => api.patchMachine(machine.id, patch));
  const patch = settingsPatch(machine, draft);
  const changed = Object.keys(patch).length > 0;
  const references = [...images.values()]
    .toSorted((a, b) => compareNames(a.name, b.name))
    .flatMap((image) => [
      image.name,
      ...Object.keys(image.tags).map((tag) => `${image.name}:${tag}`),
      ...image.versions.map((version) => `${image.name}:${version.version}`).toReversed(),
    ]);
  const ownImage = machine.own.image === undefined ? undefined : imageText(machine.own.image);

  async function submit(): Promise<void> {
    if ((await save.run(patch)) !== undefined) setDraft({});
  }

  return (
    <section aria-label="Next boot">
      <h3 className="section-title">
        Next boot <span>Running machines are not touched.</span>
      </h3>
      <div className="settings">
        <Select
          label="Plan"
          description={describeSource(machine.planFrom, machine.group)}
          value={draft.plan ?? machine.own.plan ?? INHERIT}
          onChange={(plan) => setDraft({ ...draft, plan: plan as BootPlan | typeof INHERIT })}
          data={withInherit(machine.own.plan === undefined ? PLAN_LABELS[machine.plan] : undefined, PLAN_LABELS)}
        />
        <Select
          label="Image"
          description={describeSource(machine.imageFrom, machine.group)}
          searchable
          value={draft.image ?? ownImage ?? INHERIT}
          onChange={(image) => setDraft({ ...draft, image: image ?? INHERIT })}
          data={[
            inheritOption(ownImage === undefined && machine.image !== undefined ? imageText(machine.image) : undefined),
            ...new Set([...references, ...(ownImage === undefined ? [] : [ownImage])]),
          ]}
        />
        <Select
          label="Changes to the disk"
          description={describeSource(machine.modeFrom, machine.group)}
          value={draft.mode ?? machine.own.mode ?? INHERIT}
          onChange={(mode) => setDraft({ ...draft, mode: mode as DiskMode | typeof INHERIT })}
          data={withInherit(machine.own.mode === undefined ? MODE_LABELS[machine.mode] : undefined, MODE_LABELS)}
        />
      </div>
      {save.failure !== undefined && <Failure failure={save.failure} />}
      {changed && (
        <div className="settings-end">
          <Button loading={save.running} onClick={() => void submit()}>
            Save for the next boot
          </Button>
          <Button
            variant="subtle"
            color="gray"
            onClick={() => {
              setDraft({});
              save.clear();
            }}
          >
            Cancel
          </Button>
        </div>
      )}
    </section>
  );
}

interface Option {
  readonly value: string;
  readonly label: string;
}

function inheritOption(now: string | undefined): Option {
  return { value: INHERIT, label: now === undefined ? "Inherited" : `Inherited: ${now}` };
}

function withInherit(now: string | undefined, labels: Readonly<Record<string, string>>): Option[] {
  return [inheritOption(now), ...Object.entries(labels).map(([value, label]) => ({ value, label }))];
}
