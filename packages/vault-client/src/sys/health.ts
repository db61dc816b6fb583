// Owns: who answers at the source's address, and in what condition.
import { KeyferryError } from "@keyferry/errors";
import { z } from "zod";
import type { Transport } from "../transport/transport.ts";

export interface Health {
  readonly initialized: boolean;
  readonly sealed: boolean;
  readonly standby: boolean;
  readonly version: string;
  /** Absent while sealed. */
  readonly clusterId: string | undefined;
  /** The answer's `Date`, milliseconds since 1970. */
  readonly observedAt: number;
}

const healthSchema = z.object({
  initialized: z.boolean(),
  sealed: z.boolean(),
  standby: z.boolean(),
  version: z.string(),
  cluster_id: z.string().optional(),
});

// Each state's status code is set to 200, so that the body is what tells them apart.
const ALL_STATES_200 =
  "standbycode=200&perfstandbycode=200&drsecondarycode=200&sealedcode=200&uninitcode=200";

/** Asks without a token. Throws if nobody answers, or somebody who isn't Vault. */
export async function health(transport: Transport, signal?: AbortSignal): Promise<Health> {
  const what = "ask for health";
  const answer = await transport.send({
    method: "GET",
    path: `sys/health?${ALL_STATES_200}`,
    // Health belongs to the server: in a namespace the path does not exist.
    namespace: "",
    token: "none",
    what,
    signal,
  });
  const parsed = healthSchema.safeParse(parseJson(answer.body));
  if (!parsed.success) {
    throw new KeyferryError(
      "source-answer-unknown",
      `${what}: status ${answer.status} in words that are not Vault's`,
    );
  }
  const { initialized, sealed, standby, version, cluster_id: clusterId } = parsed.data;
  return {
    initialized,
    sealed,
    standby,
    version,
    clusterId: clusterId === "" ? undefined : clusterId,
    observedAt: answer.observedAt,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema refuses it
  }
}
