import { SegmentedControl, TextInput } from "@mantine/core";
import type { Disk } from "@ingot/api";
import { IconSearch } from "@tabler/icons-react";
import { memo, type NamedExoticComponent, type ReactElement, useDeferredValue, useMemo, useRef, useState } from "react";
import { Link } from "react-router";
import { formatBytes } from "../format/bytes.ts";
import { formatCount, formatCountOf } from "../format/count.ts";
import { useFleet } from "../live/live-context.tsx";
import { MODE_LABELS } from "../machines/machine-words.ts";
import { Empty } from "../parts/empty.tsx";
import { Loading } from "../parts/loading.tsx";
import { useVirtualRows } from "../parts/use-virtual-rows.ts";
import { Sparkline } from "../parts/sparkline.tsx";
import { type DiskSort, selectDisks } from "./disk-selection.ts";
import { ResetDisk } from "./reset-disk.tsx";
import { useDisks } from "./use-disks.ts";
import "./disks-page.css";

const ROW_PX = 46;
const HEAD_PX = 34;

/** Every machine's changes over its image, and how they grow. */
export function DisksPage(): ReactElement {
  const { disks, loaded } = useDisks();
  const store = useFleet((fleet) => fleet.status?.store);
  const [text, setText] = useState("");
  const [sort, setSort] = useState<DiskSort>("size");
  // Typing stays ahead of sorting thousands of disks.
  const wanted = useDeferredValue(text);
  const shown = useMemo(() => selectDisks(disks.values(), wanted, sort), [disks, wanted, sort]);
  const largest = useMemo(() => Math.max(1, ...[...disks.values()].map((disk) => disk.overlayBytes)), [disks]);
  const changesBytes = useMemo(() => [...disks.values()].reduce((sum, disk) => sum + disk.overlayBytes, 0), [disks]);

  if (!loaded) return <Loading what="disks" />;
  if (disks.size === 0) {
    return (
      <Empty
        title="No disks yet"
        commands={[
          { what: "Give a machine an image", text: "ingot machine set pc-01 --plan diskless --image debian13" },
        ]}
      >
        <p>
          A disk is made when a machine with the plan “diskless” and an image first boots. It holds only what that
          machine changes.
        </p>
      </Empty>
    );
  }
  return (
    <div className="page">
      <header className="page-head">
        <p className="page-sum">
          <b>{formatCount(disks.size)}</b> {disks.size === 1 ? "disk" : "disks"} hold <b>{formatBytes(changesBytes)}</b>{" "}
          of changes
          {store?.freeBytes !== undefined && (
            <span className="faint"> · {formatBytes(store.freeBytes)} free on the server</span>
          )}
        </p>
        <div className="page-tools">
          <TextInput
            type="search"
            aria-label="Search disks"
            placeholder="Machine or image …"
            leftSection={<IconSearch size={14} />}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
          />
          <SegmentedControl
            aria-label="Sort by"
            value={sort}
            onChange={(value) => setSort(value as DiskSort)}
            data={[
              { value: "size", label: "Largest first" },
              { value: "name", label: "By name" },
            ]}
          />
        </div>
      </header>
      <DiskTable disks={shown} largest={largest} />
    </div>
  );
}

function DiskTable({ disks, largest }: { readonly disks: readonly Disk[]; readonly largest: number }): ReactElement {
  const scroller = useRef<HTMLDivElement>(null);
  const { rows, totalPx } = useVirtualRows({ scroller, count: disks.length, rowPx: ROW_PX, headPx: HEAD_PX });
  return (
    <div className="disks virtual card" ref={scroller}>
      <table aria-label="Disks" aria-rowcount={disks.length + 1}>
        <thead>
          <tr className="disks-row disks-head" aria-rowindex={1}>
            <th scope="col">Machine</th>
            <th scope="col">Image</th>
            <th scope="col">Changes</th>
            <th scope="col">Growth</th>
            <th scope="col">In use</th>
            <th scope="col">
              <span className="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody style={{ height: totalPx }}>
          {rows.map(({ index, topPx }) => {
            const disk = disks[index];
            return disk === undefined ? null : (
              <DiskRow key={disk.machine} disk={disk} index={index} topPx={topPx} largest={largest} />
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

interface DiskRowProps {
  readonly disk: Disk;
  readonly index: number;
  readonly topPx: number;
  readonly largest: number;
}

const DiskRow: NamedExoticComponent<DiskRowProps> = memo(function DiskRow({ disk, index, topPx, largest }) {
  return (
    <tr
      className="disks-row virtual-slot"
      aria-rowindex={index + 2}
      style={{ height: ROW_PX, transform: `translateY(${topPx}px)` }}
    >
      <td className="clip">
        <Link className="row-name" to={`/machines/${disk.machine}`}>
          {disk.machineName}
        </Link>
      </td>
      <td className="row-two">
        <span className="clip">
          {disk.image.name}:{disk.image.version}
          {disk.nextVersion !== undefined && <span className="tone-text-boot"> → {disk.nextVersion}</span>}
        </span>
        <span className="faint clip">{MODE_LABELS[disk.mode]}</span>
      </td>
      <td className="disks-size">
        <b>{formatBytes(disk.overlayBytes)}</b>
        <span className="disks-bar" aria-hidden="true">
          <i style={{ width: `${(disk.overlayBytes / largest) * 100}%` }} />
        </span>
        <span className="faint">of {formatBytes(disk.sizeBytes)}</span>
      </td>
      <td>
        <Sparkline
          values={disk.history.map((point) => point.overlayBytes)}
          width={110}
          height={24}
          color="var(--boot)"
        />
      </td>
      <td className={disk.sessions.length > 0 ? "tone-text-up" : "faint"}>
        {disk.sessions.length > 0 ? formatCountOf(disk.sessions.length, "session") : "not in use"}
      </td>
      <td>
        <ResetDisk disk={disk} />
      </td>
    </tr>
  );
});
