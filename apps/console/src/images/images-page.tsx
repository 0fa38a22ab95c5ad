import type { Image, StoreStatus } from "@ingot/api";
import { type ReactElement, useMemo } from "react";
import { formatBytes } from "../format/bytes.ts";
import { formatCountOf } from "../format/count.ts";
import { compareNames } from "../live/fleet.ts";
import { useFleet } from "../live/live-context.tsx";
import { Empty } from "../parts/empty.tsx";
import { Loading } from "../parts/loading.tsx";
import { ImageCard } from "./image-card.tsx";
import { savingOf } from "./saving.ts";
import "./images-page.css";

/** The image library, and what it takes on the server's disk. */
export function ImagesPage(): ReactElement {
  const images = useFleet((fleet) => fleet.images);
  const loaded = useFleet((fleet) => fleet.loaded);
  const store = useFleet((fleet) => fleet.status?.store);
  const sorted = useMemo(() => [...images.values()].toSorted((a, b) => compareNames(a.name, b.name)), [images]);
  if (!loaded) return <Loading what="images" />;
  if (images.size === 0) {
    return (
      <Empty
        title="No images yet"
        commands={[
          {
            what: "Add a disk as it is: raw, any size, holes cost nothing",
            text: "ingot image add debian13 debian13.raw",
          },
          { what: "Then give it to a machine", text: "ingot machine set pc-01 --image debian13" },
        ]}
      >
        <p>A golden image is the disk that many machines share. Each machine keeps only what it changes.</p>
      </Empty>
    );
  }
  return (
    <div className="page">
      {store !== undefined && <StorePicture store={store} images={sorted} />}
      <div className="images">
        {sorted.map((image) => (
          <ImageCard key={image.name} image={image} />
        ))}
      </div>
    </div>
  );
}

/** What all versions would take one by one, what is left when each chunk counts once, and what the packs really take. */
function StorePicture({
  store,
  images,
}: {
  readonly store: StoreStatus;
  readonly images: readonly Image[];
}): ReactElement {
  const versions = images.reduce((sum, image) => sum + image.versions.length, 0);
  const whole = Math.max(1, store.imageBytes, store.chunkBytes, store.packBytes);
  const steps = [
    { name: `Data of ${formatCountOf(versions, "version")}`, sizeBytes: store.imageBytes, tone: "off" },
    { name: "Shared chunks counted once", sizeBytes: store.chunkBytes, tone: "info" },
    { name: "Compressed, on the disk", sizeBytes: store.packBytes, tone: "boot" },
  ];
  return (
    <section className="store card" aria-label="Chunk store">
      <div className="store-saving">
        <b>{savingOf(store.imageBytes, store.packBytes)}</b>
        <span>less than the images’ data</span>
      </div>
      <dl className="store-steps">
        {steps.map((step) => (
          <div key={step.name}>
            <dt>{step.name}</dt>
            <dd>
              <span className="store-bar" aria-hidden="true">
                <i className={`tone-${step.tone}`} style={{ width: `${(step.sizeBytes / whole) * 100}%` }} />
              </span>
              <b>{formatBytes(step.sizeBytes)}</b>
            </dd>
          </div>
        ))}
      </dl>
      <dl className="store-facts">
        <div>
          <dt>Chunks</dt>
          <dd>{store.chunkCount.toLocaleString("en-GB")}</dd>
        </div>
        <div>
          <dt>Machines’ changes</dt>
          <dd>{formatBytes(store.overlayBytes)}</dd>
        </div>
        {store.freeBytes !== undefined && (
          <div>
            <dt>Free</dt>
            <dd>{formatBytes(store.freeBytes)}</dd>
          </div>
        )}
      </dl>
    </section>
  );
}
