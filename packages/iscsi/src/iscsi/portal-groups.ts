/** Listening on all addresses of a machine. */
const WILDCARD_HOSTS: ReadonlySet<string> = new Set(["0.0.0.0", "[::]"]);

/**
 * The portals of a server, each a portal group of its own, numbered from 1 in their order (RFC 7143 §4.4.1): sessions through different
 * portals are sessions of different target ports, so that an initiator may have one through each at the same time (multipath).
 */
export class PortalGroups {
  readonly #listening: readonly string[];

  /** `address:port` of each listening socket, IPv6 in brackets. */
  constructor(listening: readonly string[]) {
    this.#listening = listening;
  }

  /** How many there are; 1 where nobody said. */
  get count(): number {
    return Math.max(1, this.#listening.length);
  }

  /** TargetPortalGroupTag of the portal that an initiator connected to. */
  tagOf(portal: string): number {
    const exact = this.#listening.indexOf(portal);
    const at =
      exact >= 0 ? exact : this.#listening.findIndex((one) => isWildcard(one) && portOf(one) === portOf(portal));
    return at < 0 ? 1 : at + 1;
  }

  /** What SendTargets says to an initiator that came in by `asked`: `address:port,tag` for every portal. */
  addressesFor(asked: string): string[] {
    if (this.#listening.length === 0) return [`${asked},1`];
    return this.#listening.map(
      (portal, i) => `${isWildcard(portal) ? `${hostOf(asked)}:${portOf(portal)}` : portal},${i + 1}`,
    );
  }
}

function isWildcard(portal: string): boolean {
  return WILDCARD_HOSTS.has(hostOf(portal));
}

function hostOf(portal: string): string {
  return portal.slice(0, portal.lastIndexOf(":"));
}

function portOf(portal: string): string {
  return portal.slice(portal.lastIndexOf(":") + 1);
}
