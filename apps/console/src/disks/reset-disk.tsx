import { Button } from "@mantine/core";
import type { Disk } from "@ingot/api";
import { type ReactElement, useState } from "react";
import { formatBytes } from "../format/bytes.ts";
import { formatCountOf } from "../format/count.ts";
import { useLive } from "../live/live-context.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { useAction } from "../request/use-action.ts";

/** Throws a machine's changes away, after naming them. */
export function ResetDisk({ disk }: { readonly disk: Disk }): ReactElement {
  const { api } = useLive();
  const [asking, setAsking] = useState(false);
  const reset = useAction(async () => {
    await api.resetDisk(disk.machine);
    return true;
  });
  const image = `${disk.image.name}:${disk.nextVersion ?? disk.image.version}`;

  function close(): void {
    setAsking(false);
    reset.clear();
  }

  async function confirm(): Promise<void> {
    if ((await reset.run(undefined)) === true) close();
  }

  return (
    <>
      <Button
        variant="default"
        size="compact-xs"
        disabled={disk.overlayBytes === 0}
        aria-label={`Reset the disk of ${disk.machineName}`}
        onClick={(event) => {
          event.stopPropagation();
          setAsking(true);
        }}
      >
        Reset …
      </Button>
      <Confirm
        opened={asking}
        title={`Reset the disk of ${disk.machineName}?`}
        action={`Throw ${formatBytes(disk.overlayBytes)} away`}
        running={reset.running}
        failure={reset.failure}
        onConfirm={() => void confirm()}
        onClose={close}
      >
        <p>
          Everything that <b>{disk.machineName}</b> wrote since its disk was made,{" "}
          <b>{formatBytes(disk.overlayBytes)}</b>, is gone for good. It next boots {image} as it was added. Other
          machines and the image are not touched.
        </p>
        {disk.sessions.length > 0 && (
          <p className="confirm-warn">
            The disk is in use by {formatCountOf(disk.sessions.length, "session")} (
            {disk.sessions.map((session) => session.peer).join(", ")}). Shut the machine down first.
          </p>
        )}
      </Confirm>
    </>
  );
}
