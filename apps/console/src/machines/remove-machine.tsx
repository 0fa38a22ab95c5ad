import { Button } from "@mantine/core";
import type { Machine } from "@ingot/api";
import { type ReactElement, useState } from "react";
import { formatBytes } from "../format/bytes.ts";
import { useFleet, useLive } from "../live/live-context.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { useAction } from "../request/use-action.ts";

/** Takes a machine out of the inventory, after saying what goes with it. */
export function RemoveMachine(props: { readonly machine: Machine; readonly onRemoved: () => void }): ReactElement {
  const { machine, onRemoved } = props;
  const { api } = useLive();
  const disk = useFleet((fleet) => fleet.disks.get(machine.id));
  const [asking, setAsking] = useState(false);
  const remove = useAction(async () => {
    await api.removeMachine(machine.id);
    return true;
  });

  function close(): void {
    setAsking(false);
    remove.clear();
  }

  async function confirm(): Promise<void> {
    if ((await remove.run(undefined)) === true) onRemoved();
  }

  return (
    <section aria-label="Remove">
      <Button variant="subtle" color="ember" onClick={() => setAsking(true)}>
        Remove machine …
      </Button>
      <Confirm
        opened={asking}
        title={`Remove ${machine.name}?`}
        action="Remove machine"
        running={remove.running}
        failure={remove.failure}
        onConfirm={() => void confirm()}
        onClose={close}
      >
        <p>
          Its name, its settings and its disk are gone for good
          {disk !== undefined && disk.overlayBytes > 0 && (
            <>
              , with <b>{formatBytes(disk.overlayBytes)}</b> of changes over {disk.image.name}:{disk.image.version}
            </>
          )}
          . The image is not touched.
        </p>
        <p className="quiet">
          If registration is open, the machine appears again as new when it next boots from the network.
        </p>
      </Confirm>
    </section>
  );
}
