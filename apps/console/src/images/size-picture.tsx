import type { ImageVersion } from "@ingot/api";
import type { ReactElement } from "react";
import { formatBytes } from "../format/bytes.ts";
import { savingOf } from "./saving.ts";

/**
 * A version's sizes on one scale: the disk as a machine sees it, the data in it, what no other version shares, and what it
 * added to the store.
 */
export function SizePicture({ version }: { readonly version: ImageVersion }): ReactElement {
  const { sizeBytes, dataBytes, uniqueBytes, storedBytes } = version;
  const whole = Math.max(1, sizeBytes);
  const share = (bytes: number): string => `${Math.min(100, (bytes / whole) * 100)}%`;
  return (
    <div className="sizes">
      <div className="sizes-bar" aria-hidden="true">
        <i className="sizes-data" style={{ width: share(dataBytes) }} />
        <i className="sizes-unique" style={{ width: share(uniqueBytes) }} />
        <i className="sizes-stored" style={{ width: share(storedBytes) }} />
      </div>
      <dl className="sizes-facts">
        <Size name="Disk" sizeBytes={sizeBytes} mark="disk" />
        <Size name="Data" sizeBytes={dataBytes} mark="data" />
        <Size name="Only here" sizeBytes={uniqueBytes} mark="unique" />
        <Size name="Added to store" sizeBytes={storedBytes} mark="stored" />
        <div title="Data against what it added to the store">
          <dt>Saved</dt>
          <dd>{savingOf(dataBytes, storedBytes)}</dd>
        </div>
      </dl>
    </div>
  );
}

function Size(props: { readonly name: string; readonly sizeBytes: number; readonly mark: string }): ReactElement {
  return (
    <div>
      <dt>
        <i className={`sizes-mark sizes-${props.mark}`} />
        {props.name}
      </dt>
      <dd>{formatBytes(props.sizeBytes)}</dd>
    </div>
  );
}
