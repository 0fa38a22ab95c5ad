export { buildGoldenImage, type BuildOptions, type GoldenImage } from "./build.ts";
