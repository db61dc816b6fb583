// Owns: a certificate authority that lives as long as the process, and the server certificate it signs.
// The authority's key never leaves memory.
import { generate } from "selfsigned";

const DAY_MS = 24 * 3_600_000;

/** Long enough for a demonstration that is left running, short enough that nobody keeps the authority. */
const VALID_DAYS = 365;

export interface ServerCertificate {
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
}

/** Makes an authority and a certificate for the given DNS names and 127.0.0.1. */
export async function makeServerCertificate(dnsNames: readonly string[]): Promise<ServerCertificate> {
  // A day back: client and server of a test may disagree about the time.
  const validity = {
    notBeforeDate: new Date(Date.now() - DAY_MS),
    notAfterDate: new Date(Date.now() + VALID_DAYS * DAY_MS),
    keyType: "ec" as const,
    algorithm: "sha256",
  };
  const ca = await generate([{ name: "commonName", value: "Keyferry Key Vault emulator CA" }], {
    ...validity,
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const leaf = await generate([{ name: "commonName", value: dnsNames[0] ?? "localhost" }], {
    ...validity,
    ca: { key: ca.private, cert: ca.cert },
    extensions: [
      { name: "basicConstraints", cA: false, critical: true },
      { name: "keyUsage", digitalSignature: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      {
        name: "subjectAltName",
        altNames: [
          ...dnsNames.map((value) => ({ type: 2 as const, value })),
          { type: 7 as const, ip: "127.0.0.1" },
        ],
      },
    ],
  });
  return { caPem: ca.cert, certPem: leaf.cert, keyPem: leaf.private };
}
