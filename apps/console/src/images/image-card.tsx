import { Button } from "@mantine/core";
import type { Image, ImageVersion } from "@ingot/api";
import { type ReactElement, useState } from "react";
import { formatBytes } from "../format/bytes.ts";
import { formatCount, formatCountOf, formatShare } from "../format/count.ts";
import { formatMoment } from "../format/duration.ts";
import { useLive } from "../live/live-context.tsx";
import { Ago } from "../machines/machine-row.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { Failure } from "../parts/failure.tsx";
import { useAction } from "../request/use-action.ts";
import { SizePicture } from "./size-picture.tsx";

/** One image with all its versions, the newest first. */
export function ImageCard({ image }: { readonly image: Image }): ReactElement {
  const newest = image.versions.at(-1);
  const usedBy = image.versions.reduce((sum, version) => sum + version.inUseBy, 0);
  return (
    <article className="image card" aria-label={image.name}>
      <header className="image-head">
        <h2>{image.name}</h2>
        <span className="quiet">
          {formatCountOf(image.versions.length, "version")}
          {newest !== undefined && <> · {formatBytes(newest.sizeBytes)} disk</>}
        </span>
        <span className={usedBy === 0 ? "image-use faint" : "image-use"}>
          {usedBy === 0 ? "not in use" : `in use by ${formatCount(usedBy)}`}
        </span>
      </header>
      {newest === undefined ? (
        <p className="image-none quiet">All versions were removed.</p>
      ) : (
        <ol className="versions">
          {image.versions.toReversed().map((version) => (
            <Version key={version.version} image={image} version={version} />
          ))}
        </ol>
      )}
    </article>
  );
}

function Version({ image, version }: { readonly image: Image; readonly version: ImageVersion }): ReactElement {
  const { api } = useLive();
  const reference = `${image.name}:${version.version}`;
  const [asking, setAsking] = useState(false);
  const verify = useAction(() => api.verifyImage(reference));
  const remove = useAction(async () => {
    await api.removeImage(reference);
    return true;
  });
  const tags = Object.entries(image.tags).filter(([, number]) => number === version.version);

  function close(): void {
    setAsking(false);
    remove.clear();
  }

  async function confirm(): Promise<void> {
    if ((await remove.run(undefined)) === true) close();
  }

  return (
    <li className="version">
      <div className="version-name">
        <b>{version.version}</b>
        {tags.map(([tag]) => (
          <span key={tag} className="version-tag">
            {tag}
          </span>
        ))}
        <span className="faint" title={formatMoment(Date.parse(version.createdAt))}>
          <Ago atMs={Date.parse(version.createdAt)} />
        </span>
        {version.comment !== undefined && <span className="quiet clip">{version.comment}</span>}
      </div>
      <SizePicture version={version} />
      <div className="version-end">
        <span className={version.inUseBy === 0 ? "faint" : ""} title="Machines and groups that need this version">
          {version.inUseBy === 0 ? "not in use" : `in use by ${formatCount(version.inUseBy)}`}
        </span>
        <Button
          variant="default"
          size="compact-xs"
          loading={verify.running}
          aria-label={`Verify ${reference}`}
          onClick={() => void verify.run(undefined)}
        >
          Verify
        </Button>
        <Button variant="default" size="compact-xs" aria-label={`Remove ${reference}`} onClick={() => setAsking(true)}>
          Remove …
        </Button>
      </div>
      <div className="version-outcome" aria-live="polite">
        {verify.failure !== undefined && <Failure failure={verify.failure} />}
        {verify.result !== undefined && verify.result.damage.length === 0 && (
          <p className="tone-text-up">
            Every one of {formatCountOf(verify.result.chunkCount, "chunk")} is what it was:{" "}
            {formatBytes(verify.result.checkedBytes)} read and checked.
          </p>
        )}
        {verify.result !== undefined && verify.result.damage.length > 0 && (
          <div className="failure" role="alert">
            <div className="failure-text">
              <p>
                <b>{formatCountOf(verify.result.damage.length, "chunk")} cannot be trusted.</b> Machines that read there
                get an error, never wrong bytes. Add the image again from its source to repair it.
              </p>
              <ul className="version-damage mono">
                {verify.result.damage.slice(0, 8).map((damage) => (
                  <li key={damage.digest}>
                    {damage.digest.slice(0, 16)}… {damage.problem}: {damage.message}
                  </li>
                ))}
              </ul>
            </div>
          </div>
        )}
      </div>
      <Confirm
        opened={asking}
        title={`Remove ${reference}?`}
        action="Remove version"
        running={remove.running}
        failure={remove.failure}
        onConfirm={() => void confirm()}
        onClose={close}
      >
        <p>
          Version {version.version} of {image.name}, made {formatMoment(Date.parse(version.createdAt))}, is gone for
          good. About <b>{formatBytes(version.uniqueBytes)}</b> of its content (
          {formatShare(version.uniqueBytes, version.dataBytes)}) is in no other version.
        </p>
      </Confirm>
    </li>
  );
}
