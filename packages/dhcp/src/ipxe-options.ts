import type { BootFacts } from "./boot-facts.ts";

/** The user class (option 77) of an iPXE that nobody gave another one. */
const IPXE_USER_CLASS = "iPXE";

/** iPXE's `no-pxedhcp`, sub-option 176 of option 175: one byte, not zero. */
const NO_PXEDHCP = Uint8Array.of(0xb0, 1, 1);

/**
 * Option 175 for a client that this server alone answers, or `undefined` when the client is not iPXE, which always sends
 * option 175 whatever its user class. iPXE holds an offer without the vendor class `PXEClient` (no boot answer, or the style
 * `port4011`) back for about 3 s in case a proxyDHCP server speaks up; told `no-pxedhcp` it goes on at once (iPXE
 * `src/net/udp/dhcp.c`, `dhcp_discovery_rx`). It then ignores proxyDHCP offers, so a server beside another one MUST NOT
 * send this.
 */
export function skipProxyWait(facts: BootFacts): Uint8Array | undefined {
  const isIpxe = facts.ipxeOptions !== undefined || facts.userClasses.includes(IPXE_USER_CLASS);
  return isIpxe ? NO_PXEDHCP : undefined;
}
