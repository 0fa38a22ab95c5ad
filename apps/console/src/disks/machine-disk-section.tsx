import type { Disk, Machine } from "@ingot/api";
import { type ReactElement, useEffect } from "react";
import { formatBytes } from "../format/bytes.ts";
import { formatShare } from "../format/count.ts";
import { useFleet, useLive } from "../live/live-context.tsx";
import { Failure } from "../parts/failure.tsx";
import { useAction } from "../request/use-action.ts";
import { Fact } from "../machines/machine-facts.tsx";
import { MODE_LABELS } from "../machines/machine-words.ts";
import { GrowthChart } from "./growth-chart.tsx";
import { ResetDisk } from "./reset-disk.tsx";

/** The disk of one machine in its drawer. */
export function MachineDiskSection({ machine }: { readonly machine: Machine }): ReactElement {
  const { api } = useLive();
  const live = useFleet((fleet) => fleet.disks.get(machine.id));
  const asked = useAction(() => api.disk(machine.id));
  const disk = live ?? asked.result;
  const { run } = asked;
  const hasImage = machine.image !== undefined;
  useEffect(() => {
    if (live === undefined && hasImage) void run(undefined);
    // Asked for once per machine and image: what comes after that, the stream says.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [machine.id, hasImage]);
  return (
    <section aria-label="Disk">
      <h3 className="section-title">Disk {disk !== undefined && <ResetDisk disk={disk} />}</h3>
      {disk === undefined && asked.failure === undefined && (
        <p className="quiet">{hasImage ? "Loading …" : "No image is set, so there is no disk. Choose one above."}</p>
      )}
      {disk === undefined && asked.failure !== undefined && <Failure failure={asked.failure} />}
      {disk !== undefined && <DiskFacts disk={disk} />}
    </section>
  );
}

function DiskFacts({ disk }: { readonly disk: Disk }): ReactElement {
  return (
    <>
      <dl className="facts">
        <Fact name="Changes on the server">
          <b>{formatBytes(disk.overlayBytes)}</b>{" "}
          <span className="faint">{formatShare(disk.overlayBytes, disk.sizeBytes)} of the disk</span>
        </Fact>
        <Fact name="Size">{formatBytes(disk.sizeBytes)}</Fact>
        <Fact name="Over image">
          {disk.image.name}:{disk.image.version}
          {disk.nextVersion !== undefined && <span className="tone-text-boot"> → {disk.nextVersion} at next boot</span>}
        </Fact>
        <Fact name="Changes">{MODE_LABELS[disk.mode]}</Fact>
        <Fact name="Target">
          <span className="mono">{disk.target}</span>
        </Fact>
        <Fact name="Portal">
          <span className="mono">
            {disk.portal}, LUN {disk.lun}
          </span>
        </Fact>
      </dl>
      <GrowthChart disk={disk} />
    </>
  );
}
