import { Button, SegmentedControl, Select, TextInput } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { IconSearch, IconX } from "@tabler/icons-react";
import { type ReactElement, useMemo, useRef } from "react";
import { useParams } from "react-router";
import { formatCount } from "../format/count.ts";
import { compareNames } from "../live/fleet.ts";
import { useFleet } from "../live/live-context.tsx";
import { Empty } from "../parts/empty.tsx";
import { GhostTracks } from "../parts/ghost-tracks.tsx";
import { Loading } from "../parts/loading.tsx";
import { MachineBoard } from "./machine-board.tsx";
import { MachineDrawer } from "./machine-drawer.tsx";
import { countByState, countByStation, selectMachines, type Sort } from "./machine-selection.ts";
import { MachinePanels } from "./machine-panels.tsx";
import { MachineSummary } from "./machine-summary.tsx";
import { MachineWall } from "./machine-wall.tsx";
import { type SelectionControl, useSelection } from "./use-selection.ts";
import "./machines-page.css";

/** Up to so many machines have their large timelines under the board. */
const MOST_PANELS = 6;

/** The live board of all machines, and one machine beside it. */
export function MachinesPage(): ReactElement {
  const machines = useFleet((fleet) => fleet.machines);
  const order = useFleet((fleet) => fleet.order);
  const loaded = useFleet((fleet) => fleet.loaded);
  const { machineId } = useParams();
  const control = useSelection();
  const { selection } = control;
  const ids = useMemo(() => selectMachines({ machines, order }, selection), [machines, order, selection]);
  const counts = useMemo(() => countByState(machines.values()), [machines]);
  const stationCounts = useMemo(() => countByStation(machines.values()), [machines]);

  if (!loaded) return <Loading what="machines" />;
  if (machines.size === 0) return <NoMachines />;
  return (
    <div className="machines">
      <MachineSummary counts={counts} chosen={selection.states} onToggle={control.toggleState} />
      <Toolbar control={control} shown={ids.length} total={machines.size} />
      {ids.length === 0 ? (
        <Empty title="No machine fits">
          <p>
            Nothing among {formatCount(machines.size)} machines matches what is searched for.{" "}
            <Button variant="default" onClick={control.clear}>
              Show all
            </Button>
          </p>
        </Empty>
      ) : control.view === "wall" ? (
        <MachineWall ids={ids} />
      ) : (
        <MachineBoard
          ids={ids}
          selectedId={machineId}
          sort={selection.sort}
          onSort={control.setSort}
          station={selection.station}
          onStation={control.setStation}
          stationCounts={stationCounts}
        />
      )}
      {ids.length <= MOST_PANELS && control.view === "rows" && <MachinePanels ids={ids} />}
      <MachineDrawer machineId={machineId} />
    </div>
  );
}

function Toolbar(props: {
  readonly control: SelectionControl;
  readonly shown: number;
  readonly total: number;
}): ReactElement {
  const { control, shown, total } = props;
  const { selection } = control;
  const groups = useFleet((fleet) => fleet.groups);
  const search = useRef<HTMLInputElement>(null);
  useHotkeys([["/", () => search.current?.focus()]]);
  const filtered =
    selection.text !== "" ||
    selection.states.size > 0 ||
    selection.group !== undefined ||
    selection.station !== undefined;
  return (
    <div className="machines-tools">
      <TextInput
        ref={search}
        className="machines-search"
        type="search"
        value={selection.text}
        onChange={(event) => control.setText(event.currentTarget.value)}
        placeholder="Name, MAC, address, image …"
        aria-label="Search machines"
        leftSection={<IconSearch size={14} />}
        rightSection={selection.text === "" ? <kbd className="machines-key">/</kbd> : undefined}
      />
      {groups.size > 0 && (
        <Select
          className="machines-group"
          aria-label="Group"
          placeholder="All groups"
          clearable
          searchable={groups.size > 8}
          value={selection.group ?? null}
          onChange={(group) => control.setGroup(group ?? undefined)}
          data={[...groups.keys()].sort(compareNames)}
        />
      )}
      <Select
        className="machines-sort"
        aria-label="Sort by"
        value={selection.sort}
        onChange={(sort) => control.setSort((sort ?? "name") as Sort)}
        data={[
          { value: "name", label: "By name" },
          { value: "state", label: "By state" },
          { value: "traffic", label: "By disk traffic" },
          { value: "event", label: "By last event" },
        ]}
      />
      <SegmentedControl
        className="machines-view"
        aria-label="View"
        value={control.view}
        onChange={control.setView}
        data={[
          { value: "rows", label: "Rows" },
          { value: "wall", label: "Wall" },
        ]}
      />
      {filtered && (
        <>
          <output className="quiet">
            {formatCount(shown)} of {formatCount(total)}
          </output>
          <Button variant="subtle" color="gray" leftSection={<IconX size={13} />} onClick={control.clear}>
            Clear
          </Button>
        </>
      )}
    </div>
  );
}

function NoMachines(): ReactElement {
  const status = useFleet((fleet) => fleet.status);
  const images = useFleet((fleet) => fleet.images);
  const open = status?.settings.registration !== "closed";
  return (
    <Empty
      title="No machines yet"
      picture={<GhostTracks />}
      commands={[
        ...(images.size === 0
          ? [{ what: "First, add a golden image", text: "ingot image add debian13 debian13.raw" }]
          : []),
        {
          what: "Add a machine before it is switched on",
          text: "ingot machine add --mac 52:54:00:12:34:56 --name pc-01 --image debian13",
        },
        { what: "Or watch two virtual machines boot on this computer", text: "ingot demo" },
      ]}
    >
      <p>
        {open
          ? "Switch on a machine that boots from the network: it registers itself and appears here."
          : "Registration is closed: a machine has to be added before it may boot."}
      </p>
    </Empty>
  );
}
