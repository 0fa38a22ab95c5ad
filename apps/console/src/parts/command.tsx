import { ActionIcon, CopyButton, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import type { ReactElement } from "react";
import "./command.css";

/** A command of the command line, ready to be copied. */
export function Command({ text }: { readonly text: string }): ReactElement {
  return (
    <div className="command">
      <code className="command-text mono">
        <span className="command-prompt" aria-hidden="true">
          $
        </span>
        {text}
      </code>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? "Copied" : "Copy"}>
            <ActionIcon
              variant="subtle"
              color={copied ? "verdigris" : "gray"}
              onClick={copy}
              aria-label={`Copy the command ${text}`}
            >
              {copied ? <IconCheck size={15} /> : <IconCopy size={15} />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </div>
  );
}
