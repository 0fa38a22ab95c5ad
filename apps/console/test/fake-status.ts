import type { Status } from "@ingot/api";

const GiB = 2 ** 30;

/** A server that has run for three days, and knows no machine. */
export function makeStatus(nowMs: number): Status {
  return {
    version: "0.1.0",
    startedAt: new Date(nowMs - 3 * 86_400_000).toISOString(),
    services: [
      { name: "dhcp", state: "ready", address: "10.77.0.1:67", detail: "10.77.0.100 to 10.77.3.250, 214 leases" },
      { name: "proxydhcp", state: "off", detail: "--dhcp full answers everything" },
      { name: "tftp", state: "ready", address: "10.77.0.1:69" },
      { name: "boot-http", state: "ready", address: "10.77.0.1:8471" },
      { name: "iscsi", state: "ready", address: "10.77.0.1:3260" },
      { name: "api", state: "ready", address: "127.0.0.1:8470" },
    ],
    counts: {
      machines: 0,
      machinesByState: { new: 0, off: 0, booting: 0, running: 0, up: 0, failed: 0 },
      groups: 0,
      images: 2,
      imageVersions: 5,
      disks: 0,
      sessions: 0,
    },
    store: {
      chunkCount: 158_204,
      chunkBytes: 41.1 * GiB,
      packBytes: 17.1 * GiB,
      imageBytes: 69.6 * GiB,
      overlayBytes: 12.3 * GiB,
      freeBytes: 812 * GiB,
    },
    traffic: { readBytesPerSecond: 0, writtenBytesPerSecond: 0, bytesRead: 812 * GiB, bytesWritten: 94 * GiB },
    settings: {
      registration: "open",
      plan: "diskless",
      mode: "reset",
      enrolment: "open",
      alertBelowBytesPerSecond: 10_000_000,
      alertFailedPercent: 5,
    },
  };
}
