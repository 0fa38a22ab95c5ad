export { compressibleBytes, makeImage, randomBytes, seededRandom, sourceOf, sparseSourceOf } from "./images.ts";
export type { ImagePart } from "./images.ts";
export { TEST_PUBLIC_KEY, TEST_SIGNER } from "./signer.ts";
export { describeStore, readBack } from "./store-suite.ts";
export type { StoreUnderTest } from "./store-suite.ts";
