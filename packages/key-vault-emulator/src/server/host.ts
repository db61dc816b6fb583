// Owns: which vault a Host header means, and the origins that go into answers.

export type Addressed =
  | { readonly kind: "vault"; readonly vault: string; readonly idOrigin: string; readonly linkOrigin: string }
  | { readonly kind: "other"; readonly origin: string }
  | { readonly kind: "invalid" };

const HOST = /^([0-9a-z.-]{1,255}|\[[0-9a-f:.]{2,45}\])(?::(\d{1,5}))?$/;

/**
 * Reads a Host header. `{vault}.{suffix}` is a vault; any other name is the authority and the control API.
 * The link origin has the port that the client named, or `:443` where it named none, as the service writes it
 * (recorded): clients refuse a next page elsewhere than where they started.
 */
export function readHost(header: string | undefined, vaultSuffix: string): Addressed {
  const match = HOST.exec((header ?? "").toLowerCase());
  const name = match?.[1];
  if (name === undefined) return { kind: "invalid" };
  const port = match?.[2];
  const suffix = `.${vaultSuffix}`;
  if (!name.endsWith(suffix)) {
    return { kind: "other", origin: port === undefined ? `https://${name}` : `https://${name}:${port}` };
  }
  return {
    kind: "vault",
    vault: name.slice(0, -suffix.length),
    idOrigin: `https://${name}`,
    linkOrigin: `https://${name}:${port ?? "443"}`,
  };
}
