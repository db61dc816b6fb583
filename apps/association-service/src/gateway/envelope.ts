// Owns: Vault's standard answer around `data` (reference: standard envelope, mount_type since 1.16). Pure.

export interface Envelope {
  readonly request_id: string;
  readonly lease_id: "";
  readonly renewable: false;
  readonly lease_duration: 0;
  readonly data: Readonly<Record<string, unknown>>;
  readonly wrap_info: null;
  readonly warnings: readonly string[] | null;
  readonly auth: null;
  readonly mount_type: "system";
}

/** The envelope around data that is JSON already, in pieces that are to be sent one after the other. */
export function envelopePieces(requestId: string, data: readonly Buffer[]): readonly Buffer[] {
  // The data's place is found by the one key before it; nothing that a client sends stands before that.
  const [before, after] = JSON.stringify(envelope(requestId, {})).split('"data":{}') as [string, string];
  return [Buffer.from(`${before}"data":`), ...data, Buffer.from(after)];
}

/** The envelope; `warnings` is null if there are none, as in Vault. */
export function envelope(
  requestId: string,
  data: Readonly<Record<string, unknown>>,
  warnings: readonly string[] = [],
): Envelope {
  return {
    request_id: requestId,
    lease_id: "",
    renewable: false,
    lease_duration: 0,
    data,
    wrap_info: null,
    warnings: warnings.length === 0 ? null : warnings,
    auth: null,
    mount_type: "system",
  };
}
