import { createSecureContext, type SecureContext } from "node:tls";
import { TLS_OPTIONS } from "./tls-options.ts";

/** What a client shows on every connection: made once, because reading key and certificate costs as much as a small transfer. */
export function clientContext(identity: { readonly keyPem: string; readonly certPem: string }): SecureContext {
  return createSecureContext({ ...TLS_OPTIONS, key: identity.keyPem, cert: identity.certPem });
}
