export { cacheDirectory } from "./cache-directory.ts";
export { Classroom, FULL_DHCP, SERVER_ADDRESS } from "./classroom.ts";
export type { ClassroomOptions, Seat } from "./classroom.ts";
export { assembleDisk, buildGoldenImage } from "./golden-image/index.ts";
