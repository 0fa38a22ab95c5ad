/** The program's version: that of the workspace's manifests. */
export const VERSION = "0.1.0";
