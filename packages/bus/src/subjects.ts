import type { Lane, SecretKey, Uid } from "@keyferry/contracts";

// The one place where names on the wire are made and read: streams, subjects, buckets, durables, keys.

export const EVENTS_STREAM = "KV2_EVENTS";
export const DESIRED_STREAM = "SYNC_DESIRED";
export const RESULTS_STREAM = "SYNC_RESULTS";
export const DLQ_STREAM = "SYNC_DLQ";

export const EVENTS_SUBJECTS = "kv2.event.>";
export const DESIRED_SUBJECTS = "sync.desired.>";
export const RESULTS_SUBJECTS = "sync.result.>";
export const DLQ_SUBJECTS = "sync.dlq.>";

export const BUCKETS = ["destinations", "associations", "rules", "config", "leases", "operations"] as const;
export type BucketName = (typeof BUCKETS)[number];

export const EVENTS_DURABLE = "resolver";
export const RESULTS_DURABLE = "resolver-results";

export function eventSubject(source: string, key: SecretKey): string {
  return `kv2.event.${subjectToken(source)}.${key}`;
}

export function eventSubjectsOf(source: string): string {
  return `kv2.event.${subjectToken(source)}.*`;
}

export function desiredSubject(destination: Uid, key: SecretKey, lane: Lane): string {
  return `sync.desired.${destination}.${key}.${lane}`;
}

/** Both lanes of one (destination, secret): what a compare-and-set of a command looks at. */
export function desiredSubjectsOf(destination: Uid, key: SecretKey): string {
  return `sync.desired.${destination}.${key}.*`;
}

export function laneSubjects(destination: Uid, lane: Lane): string {
  return `sync.desired.${destination}.*.${lane}`;
}

export function resultSubject(destination: Uid, key: SecretKey): string {
  return `sync.result.${destination}.${key}`;
}

/** Results of a destination, of a secret, of one pair, or all. */
export function resultSubjectsOf(destination: Uid | undefined, key: SecretKey | undefined): string {
  return `sync.result.${destination ?? "*"}.${key ?? "*"}`;
}

export function deadLetterSubject(service: string, destination: string, key: string): string {
  return `sync.dlq.${subjectToken(service)}.${destination}.${key}`;
}

/** Core NATS: the question who is there. */
export const PRESENCE_SUBJECT = "keyferry.presence";

/** Asked by the association-service, answered by one sink. */
export const CONNECTION_CHECK_SUBJECT = "keyferry.check.connection";

/** Questions what lies in a vault under certain names. */
export const VAULT_LOOK_SUBJECT = "keyferry.look.vault";

export function hintSubject(source: string): string {
  return `kv2.hint.${subjectToken(source)}`;
}

export function bucketStream(bucket: BucketName): string {
  return `KV_${bucket}`;
}

/** All keys of a bucket, or those of one family: `prefix` is their first token. */
export function bucketSubjects(bucket: BucketName, prefix?: string): string {
  return prefix === undefined ? `$KV.${bucket}.>` : `$KV.${bucket}.${prefix}.>`;
}

// Families of keys in the bucket `operations`.
export const PAUSES = "pause";
export const PAUSES_KEY = "pause.all";
export const DRIFT_REQUESTS = "drift-request";
export const DRIFT_REPORTS = "drift-report";
export const OPERATIONS = "operation";
export const APPROVALS = "approval";
export const SOURCE_CONFIRMATIONS = "source-confirmation";
export const SOURCE_REPORTS = "source-report";

export function driftRequestKey(destination: Uid): string {
  return `${DRIFT_REQUESTS}.${destination}`;
}

export function driftReportKey(destination: Uid): string {
  return `${DRIFT_REPORTS}.${destination}`;
}

export function operationKey(id: Uid): string {
  return `${OPERATIONS}.${id}`;
}

export function approvalKey(destination: Uid): string {
  return `${APPROVALS}.${destination}`;
}

/** Of a `SourceConfirmation`: one per source, and one per path of a mount. */
export function sourceConfirmationKey(
  what: { source: string } & ({ kind: "cluster" } | { kind: "mount"; namespace: string; mount: string }),
): string {
  const source = `${SOURCE_CONFIRMATIONS}.${subjectToken(what.source)}`;
  return what.kind === "cluster"
    ? `${source}.cluster`
    : `${source}.mount.${subjectToken(what.namespace)}.${subjectToken(what.mount)}`;
}

export function sourceReportKey(source: string): string {
  return `${SOURCE_REPORTS}.${subjectToken(source)}`;
}

export function bucketSubject(bucket: BucketName, key: string): string {
  return `$KV.${bucket}.${key}`;
}

/** The key of a bucket's subject. */
export function bucketKeyOf(bucket: BucketName, subject: string): string {
  return subject.slice(`$KV.${bucket}.`.length);
}

/** Tokens of `sync.desired.<destination>.<k>.<lane>` or `sync.result.<destination>.<k>`. */
export function destinationAndKeyOf(subject: string): { destination: Uid; key: SecretKey; lane: Lane } {
  const [, , destination = "", key = "", lane = "live"] = subject.split(".");
  return { destination, key, lane: lane === "bulk" ? "bulk" : "live" };
}

/**
 * To which destination and secret a message of any stream belongs, `-` where it has none. Letters about different
 * secrets then have different subjects, of each of which the stream keeps the last few.
 */
export function placeOf(subject: string): { destination: string; key: string } {
  const [stream, kind, third = "-", fourth = "-"] = subject.split(".");
  if (stream === "sync" && (kind === "desired" || kind === "result"))
    return { destination: third, key: fourth };
  if (stream === "kv2" && kind === "event") return { destination: "-", key: fourth };
  if (stream === "$KV" && kind === "associations") return { destination: third, key: fourth };
  // A row of another bucket: which, in one token.
  if (stream === "$KV") return { destination: "-", key: subject.split(".").slice(1).join("_") };
  return { destination: "-", key: "-" };
}

/** Tokens of `kv2.event.<source>.<k>`. */
export function sourceAndKeyOf(subject: string): { source: string; key: SecretKey } {
  const [, , source = "", key = ""] = subject.split(".");
  return { source: Buffer.from(source, "base64url").toString("utf8"), key };
}

export function sinkDurable(destination: Uid, lane: Lane): string {
  return `sink-${destination}-${lane}`;
}

/** Key in the bucket `associations`. */
export function associationKey(destination: Uid, key: SecretKey): string {
  return `${destination}.${key}`;
}

/** Key in the bucket `destinations`: by identity, so that creating with revision 0 makes a name unique. */
export function destinationKey(identity: { namespace: string; type: string; name: string }): string {
  return `name.${subjectToken(identity.namespace)}.${identity.type}.${subjectToken(identity.name)}`;
}

/** Key in the bucket `destinations` of a retired one, whose name may be in use again. */
export function retiredDestinationKey(uid: Uid): string {
  return `retired.${uid}`;
}

/** Key in the bucket `leases`: which detector works for a source. */
export function detectorLeaseKey(source: string): string {
  return `detector.${subjectToken(source)}`;
}

/** Key of both lanes' and results' views. */
export function pairKey(destination: Uid, key: SecretKey): string {
  return `${destination}.${key}`;
}

// A name may hold dots and spaces, which subjects forbid; base64url of the empty string would be an empty token.
function subjectToken(name: string): string {
  return name === "" ? "-" : Buffer.from(name, "utf8").toString("base64url");
}
