/** Time, as a peer takes it from its surroundings. */
export interface SwarmClock {
  /** Milliseconds since 1970, by the server's clock as well as it is known here: tickets expire by it. */
  now(): number;
  /** Calls once, after so many milliseconds; returns how to take it back. */
  after(ms: number, call: () => void): () => void;
}
