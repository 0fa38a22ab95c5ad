import { Button, Modal } from "@mantine/core";
import type { ReactElement, ReactNode } from "react";
import type { ApiFailure } from "../request/api-failure.ts";
import { Failure } from "./failure.tsx";
import "./confirm.css";

/** Asks before something that cannot be taken back. The text names what is lost; the button names what it does. */
export function Confirm(props: {
  readonly opened: boolean;
  readonly title: string;
  readonly children: ReactNode;
  readonly action: string;
  readonly running: boolean;
  readonly failure: ApiFailure | undefined;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
}): ReactElement {
  return (
    <Modal
      opened={props.opened}
      onClose={props.onClose}
      title={props.title}
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <div className="confirm">
        {props.children}
        {props.failure !== undefined && <Failure failure={props.failure} />}
        <div className="confirm-end">
          <Button variant="default" onClick={props.onClose} data-autofocus>
            Cancel
          </Button>
          <Button color="ember" loading={props.running} onClick={props.onConfirm}>
            {props.action}
          </Button>
        </div>
      </div>
    </Modal>
  );
}
