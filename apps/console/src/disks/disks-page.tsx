import { SegmentedControl, TextInput } from "@mantine/core";
import type { Disk } from "@ingot/api";
import { IconSearch } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, type NamedExoticComponent, type ReactElement, useDeferredValue, useMemo, useRef, useState } from "react";
import { Link } from "react-router";
import { formatBytes } from "../format/bytes.ts";
import { formatCount, formatCountOf } from "../format/count.ts";
import { useFleet } from "../live/live-context.tsx";
import { MODE_LABELS } from "../machines/machine-words.ts";
import { Empty } from "../parts/empty.tsx";
import { Loading } from "../parts/loading.tsx";
import { Sparkline } from "../parts/sparkline.tsx";
import { type DiskSort, selectDisks } from "./disk-selection.ts";
import { ResetDisk } from "./reset-disk.tsx";
import { useDisks } from "./use-disks.ts";
import "./disks-page.css";

const ROW_PX = 46;

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
  const virtualizer = useVirtualizer({
    count: disks.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 8,
    getItemKey: (index) => disks[index]?.machine ?? index,
  });
  return (
    <div className="disks card" role="table" aria-label="Disks" aria-rowcount={disks.length + 1}>
      <div className="disks-row disks-head" role="row" aria-rowindex={1}>
        <span role="columnheader">Machine</span>
        <span role="columnheader">Image</span>
        <span role="columnheader">Changes</span>
        <span role="columnheader">Growth</span>
        <span role="columnheader">In use</span>
        <span role="columnheader">
          <span className="visually-hidden">Actions</span>
        </span>
      </div>
      <div className="disks-scroller" ref={scroller} role="rowgroup">
        <div style={{ height: virtualizer.getTotalSize(), position: "relative" }} role="presentation">
          {virtualizer.getVirtualItems().map((item) => {
            const disk = disks[item.index];
            return disk === undefined ? null : (
              <div
                key={disk.machine}
                className="disks-slot"
                style={{ height: ROW_PX, transform: `translateY(${item.start}px)` }}
                role="presentation"
              >
                <DiskRow disk={disk} index={item.index} largest={largest} />
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

interface DiskRowProps {
  readonly disk: Disk;
  readonly index: number;
  readonly largest: number;
}

const DiskRow: NamedExoticComponent<DiskRowProps> = memo(function DiskRow({ disk, index, largest }) {
  return (
    <div className="disks-row" role="row" aria-rowindex={index + 2}>
      <span role="cell" className="clip">
        <Link className="row-name" to={`/machines/${disk.machine}`}>
          {disk.machineName}
        </Link>
      </span>
      <span role="cell" className="row-two">
        <span className="clip">
          {disk.image.name}:{disk.image.version}
          {disk.nextVersion !== undefined && <span className="tone-text-boot"> → {disk.nextVersion}</span>}
        </span>
        <span className="faint clip">{MODE_LABELS[disk.mode]}</span>
      </span>
      <span role="cell" className="disks-size">
        <b>{formatBytes(disk.overlayBytes)}</b>
        <span className="disks-bar" aria-hidden="true">
          <i style={{ width: `${(disk.overlayBytes / largest) * 100}%` }} />
        </span>
        <span className="faint">of {formatBytes(disk.sizeBytes)}</span>
      </span>
      <span role="cell" className="disks-growth">
        <Sparkline
          values={disk.history.map((point) => point.overlayBytes)}
          width={110}
          height={24}
          color="var(--boot)"
        />
      </span>
      <span role="cell" className={disk.sessions.length > 0 ? "tone-text-up" : "faint"}>
        {disk.sessions.length > 0 ? formatCountOf(disk.sessions.length, "session") : "not in use"}
      </span>
      <span role="cell">
        <ResetDisk disk={disk} />
      </span>
    </div>
  );
});
