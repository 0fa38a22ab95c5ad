export { buildGoldenImage, type BuildOptions, type GoldenImage } from "./build.ts";
export { buildSecondRelease } from "./second-release.ts";
