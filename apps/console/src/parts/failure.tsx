import { Button } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import type { ReactElement, ReactNode } from "react";
import type { ApiFailure } from "../request/api-failure.ts";
import "./failure.css";

/** A refused request: the server's own sentence, and its code for the search in the documentation. */
export function Failure(props: {
  readonly failure: ApiFailure;
  readonly children?: ReactNode;
  readonly onRetry?: () => void;
}): ReactElement {
  const { failure, children, onRetry } = props;
  const usedBy = failure.details["usedBy"];
  return (
    <div className="failure" role="alert">
      <IconAlertTriangle size={16} aria-hidden="true" />
      <div className="failure-text">
        <p>{failure.message}</p>
        {Array.isArray(usedBy) && usedBy.length > 0 && (
          <p className="quiet">Used by {usedBy.slice(0, 12).join(", ")}</p>
        )}
        {children}
        <code className="mono faint">{failure.code}</code>
      </div>
      {onRetry !== undefined && (
        <Button variant="default" onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  );
}
