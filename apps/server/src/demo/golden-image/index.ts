export { buildGoldenImage } from "./build.ts";
