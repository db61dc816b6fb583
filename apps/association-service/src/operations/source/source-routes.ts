// Owns: the paths about the source: what the change-detector holds back, a person's confirmation, and asking it to look.

import { sourceReportKey } from "@keyferry/bus";
import { checkPath, type SourceReport } from "@keyferry/contracts";
import { readNamedSecret } from "../../associations/resolve-secret.ts";
import type { Answer, Call } from "../../gateway/call.ts";
import type { AddRead, AddWrite } from "../../gateway/operation-table.ts";
import { badRequest, Refusal, unavailable } from "../../gateway/refusal.ts";
import { authorisedBody, operationsOf } from "../call-parts.ts";
import { readFields } from "../fields.ts";
import type { ConfirmWish } from "../ports.ts";
import { confirmFieldsSchema, hintFieldsSchema } from "./source-schemas.ts";

const SOURCE = "/v1/sys/sync/source";
const REASON_CHARACTERS_MAX = 256;

// Longer than a busy process needs to answer over one NATS hop.
const PRESENCE_WAIT_MS = 400;

/** Registers them. */
export function addSourceRoutes({ read, write }: { readonly read: AddRead; readonly write: AddWrite }): void {
  read(SOURCE, "read", readReport);
  write(["PUT", "POST"], `${SOURCE}/confirm`, confirm);
  write(["PUT", "POST"], `/v1/sys/sync/hint`, hint);
}

async function readReport(call: Call): Promise<Answer> {
  const { source } = operationsOf(call);
  return { data: reportAnswer(source, await reportOf(call), call.caller.namespace) };
}

async function confirm(call: Call): Promise<Answer> {
  const { to, mount, reason = "" } = readFields(confirmFieldsSchema, await authorisedBody(call));
  const { source, confirmSource } = operationsOf(call);
  const { namespace } = call.caller;
  if (mount === undefined && namespace !== "") {
    throw badRequest("mount is missing: to confirm the cluster is the root namespace's alone");
  }
  if (to === undefined)
    throw badRequest("to is missing: send the cluster id or accessor that the report shows");
  if (reason.length > REASON_CHARACTERS_MAX)
    throw badRequest(`reason is longer than ${REASON_CHARACTERS_MAX} characters`);
  const said = { source, by: "api", reason, to };
  const wish: ConfirmWish =
    mount === undefined
      ? { ...said, kind: "cluster" }
      : { ...said, kind: "mount", namespace, mount: mount.replace(/\/+$/, "") };
  const end = await confirmSource(wish);
  if (end.kind === "not-held") {
    const held = (end.report?.held ?? []).flatMap(({ mount: at, change }) =>
      change === null ? [] : [`${at}: ${change.kind} ${change.to}`],
    );
    const what =
      held.length === 0 ? "nothing is held because the source changed" : `held are ${held.join(", ")}`;
    throw badRequest(`there is nothing to confirm with this: ${what}`);
  }
  const { record } = end;
  return {
    data: {
      kind: record.kind,
      mount: record.kind === "mount" ? record.mount : null,
      from: record.from,
      to: record.to,
      at: record.at,
      changed: end.kind === "confirmed",
    },
  };
}

async function hint(call: Call): Promise<Answer> {
  const fields = readFields(hintFieldsSchema, await authorisedBody(call));
  const { bus, source } = operationsOf(call);
  const { namespace } = call.caller;
  const look = { major: 1 as const, namespace, operation: "look" as const, channel: "manual" as const };
  if (fields.secret_name !== undefined) {
    const { mount, path } = readNamedSecret(fields);
    await requireMount(call, mount);
    await requireDetector(call);
    bus.hints.publish(source, { ...look, mount, path });
    return { data: { mount, secret_name: path } };
  }
  const check = checkPath(fields.mount ?? "", "mount");
  if (check.kind === "refused") throw badRequest(check.why);
  await requireMount(call, check.path);
  await requireDetector(call);
  bus.hints.publish(source, { ...look, mount: check.path });
  return { data: { mount: check.path, secret_name: null } };
}

// A hint of a mount that is not there would be held by the detector, as if it had gone.
async function requireMount(call: Call, mount: string): Promise<void> {
  const { doctorSource } = operationsOf(call);
  const found = await doctorSource.mountOf({ namespace: call.caller.namespace, path: mount }, call.signal);
  if (found.kind === "missing") {
    throw new Refusal(404, [`there is no mount ${mount} at the source: check its path, and the namespace`]);
  }
  if (found.mount.kvVersion !== 2) throw badRequest(`${mount} is not a KV version 2 mount`);
}

// Hints are kept nowhere: without a detector one is gone, and its next sweep would find the change anyway.
async function requireDetector(call: Call): Promise<void> {
  const present = await operationsOf(call).bus.presence.ask(PRESENCE_WAIT_MS);
  if (present.some(({ service }) => service === "change-detector")) return;
  throw unavailable("no change-detector answers: when one runs again it looks at everything by itself");
}

async function reportOf(call: Call): Promise<SourceReport | undefined> {
  const { bus, source } = operationsOf(call);
  return (await bus.sourceReports.get(sourceReportKey(source)))?.value;
}

function reportAnswer(source: string, report: SourceReport | undefined, namespace: string) {
  const ours = <T extends { readonly namespace: string }>(rows: readonly T[]): readonly T[] =>
    rows.filter((row) => namespace === "" || row.namespace === namespace);
  return {
    source,
    at: report?.at ?? null,
    held: ours(report?.held ?? []).map(({ mount, why, since, change }) => ({ mount, why, since, change })),
    moved: ours(report?.moved ?? []).map(({ from, to }) => ({ from, to })),
  };
}
