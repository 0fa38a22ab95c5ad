import { Drawer } from "@mantine/core";
import type { Machine } from "@ingot/api";
import type { ReactElement } from "react";
import { useLocation, useNavigate } from "react-router";
import { bootTrack } from "../boot/boot-track.ts";
import { BootWaterfall } from "../boot/boot-waterfall.tsx";
import { formatDuration, formatMoment } from "../format/duration.ts";
import { useFleet, useNow } from "../live/live-context.tsx";
import { MachineDiskSection } from "../disks/machine-disk-section.tsx";
import { MachineSessions } from "../sessions/machine-sessions.tsx";
import { MachineEvents } from "../events/machine-events.tsx";
import { MachineBootSettings } from "./machine-boot-settings.tsx";
import { MachineFacts } from "./machine-facts.tsx";
import { RemoveMachine } from "./remove-machine.tsx";
import { StateMark } from "./state-mark.tsx";
import "./machine-drawer.css";

/** One machine beside the board, which stays live and can be used: a click on another row changes the drawer. */
export function MachineDrawer({ machineId }: { readonly machineId: string | undefined }): ReactElement {
  const machine = useFleet((fleet) => (machineId === undefined ? undefined : fleet.machines.get(machineId)));
  const navigate = useNavigate();
  const { search } = useLocation();
  const close = (): void => void navigate({ pathname: "/machines", search });
  return (
    <Drawer
      opened={machineId !== undefined}
      onClose={close}
      position="right"
      size={620}
      withOverlay={false}
      lockScroll={false}
      trapFocus={false}
      closeOnClickOutside={false}
      title={machine === undefined ? "Machine" : <Title machine={machine} />}
      closeButtonProps={{ "aria-label": "Close" }}
      classNames={{ content: "machine-drawer", header: "machine-drawer-head", inner: "machine-drawer-inner" }}
    >
      {machine === undefined ? (
        <p className="quiet">This machine is not in the inventory any more.</p>
      ) : (
        <Body key={machine.id} machine={machine} onRemoved={close} />
      )}
    </Drawer>
  );
}

function Title({ machine }: { readonly machine: Machine }): ReactElement {
  return (
    <span className="machine-title">
      <b className="clip">{machine.name}</b>
      <StateMark state={machine.state} />
    </span>
  );
}

function Body({ machine, onRemoved }: { readonly machine: Machine; readonly onRemoved: () => void }): ReactElement {
  return (
    <div className="machine-body">
      <section aria-label="Boot">
        <Boot machine={machine} />
      </section>
      <MachineFacts machine={machine} />
      <MachineBootSettings machine={machine} />
      {machine.plan === "diskless" && <MachineDiskSection machine={machine} />}
      <MachineSessions machine={machine} />
      <MachineEvents machine={machine} />
      <RemoveMachine machine={machine} onRemoved={onRemoved} />
    </div>
  );
}

function Boot({ machine }: { readonly machine: Machine }): ReactElement {
  const nowMs = useNow();
  const track = bootTrack(machine, nowMs);
  if (track === undefined) {
    return (
      <>
        <h3 className="section-title">Boot</h3>
        <p className="quiet">
          Has not booted from here yet. Set its firmware to boot from the network and switch it on.
        </p>
      </>
    );
  }
  return (
    <>
      <h3 className="section-title">
        Boot {track.bootId}
        <span>{formatMoment(track.startedAtMs)}</span>
        <span className="machine-total">{formatDuration(track.totalMs)}</span>
      </h3>
      <BootWaterfall track={track} />
    </>
  );
}
