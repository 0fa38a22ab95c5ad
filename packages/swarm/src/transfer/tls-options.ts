/**
 * TLS as peers speak it (RFC 8446): one version, one cipher, one group. AES-128-GCM is what processors have instructions for; what is left
 * out cannot be negotiated down to.
 */
export const TLS_OPTIONS: {
  readonly minVersion: "TLSv1.3";
  readonly ciphers: string;
  readonly ecdhCurve: string;
} = { minVersion: "TLSv1.3", ciphers: "TLS_AES_128_GCM_SHA256", ecdhCurve: "X25519" };
