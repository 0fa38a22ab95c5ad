/** A swarm's capacities, in bytes and bytes per second. */
export interface SwarmCapacity {
  readonly imageBytes: number;
  /** Upload of all seeds together. */
  readonly seedUpload: number;
  readonly receivers: readonly { readonly upload: number; readonly download: number }[];
}

/**
 * The shortest time in seconds in which all receivers can have everything, whatever the protocol: the seeds have to send each byte once, the
 * slowest receiver has to take all of them, and what everybody takes somebody has to send (Kumar and Ross, "Peer-assisted file distribution: the
 * minimum distribution time", 2006).
 */
export function distributionBound({ imageBytes, seedUpload, receivers }: SwarmCapacity): number {
  let slowest = Infinity;
  let upload = seedUpload;
  for (const receiver of receivers) {
    slowest = Math.min(slowest, receiver.download);
    upload += receiver.upload;
  }
  return Math.max(imageBytes / seedUpload, imageBytes / slowest, (receivers.length * imageBytes) / upload);
}
