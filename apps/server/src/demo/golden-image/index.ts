export { assembleDisk, buildGoldenImage } from "./build.ts";
