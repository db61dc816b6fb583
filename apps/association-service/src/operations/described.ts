// Owns: the operations of operating as the OpenAPI document has them. Does not own the routes: a test holds the two
// together.

import { z } from "zod";
import { namedSecretSchema } from "../associations/resolve-secret.ts";
import type { Operation } from "../openapi/operations.ts";
import {
  adoptedSchema,
  adoptFieldsSchema,
  adoptPlanFieldsSchema,
  adoptPlanSchema,
} from "./adopt/adopt-schemas.ts";
import { doctorFieldsSchema, doctorSchema } from "./doctor/doctor-routes.ts";
import {
  driftRepairFieldsSchema,
  driftReportAnswerSchema,
  driftRequestedSchema,
} from "./drift/drift-schemas.ts";
import { exportSchema } from "./export/export-all.ts";
import { feedQuerySchema, historyQuerySchema } from "./history/history-fields.ts";
import { feedSchema, historySchema } from "./history/history-schemas.ts";
import { letterListSchema, letterSchema, retriedSchema } from "./letters/letter-schemas.ts";
import { collectFieldsSchema, orphansSchema } from "./orphans/orphans.ts";
import { planDestinationSchema, planRuleSchema, planSchema } from "./plan/plan-schemas.ts";
import { policyQuerySchema, policySchema } from "./policies/policy-routes.ts";
import {
  operationListSchema,
  operationSchema,
  rehearsalSchema,
  replayFieldsSchema,
  resyncFieldsSchema,
} from "./replay/replay-schemas.ts";
import {
  confirmedSchema,
  confirmFieldsSchema,
  hintedSchema,
  hintFieldsSchema,
  sourceReportAnswerSchema,
} from "./source/source-schemas.ts";
import { overviewSchema, secretTraceSchema } from "./status/status-schemas.ts";

const writes = "create or update";
const list = z.object({ list: z.literal("true").describe("As the method LIST.") });
const overview = { name: "Status", data: overviewSchema };
const operation = { name: "Operation", data: operationSchema };
const plan = { name: "Plan", data: planSchema };
const rehearsal = { name: "Rehearsal", data: rehearsalSchema };

const STATUS: readonly Operation[] = [
  {
    id: "readStatus",
    methods: ["get"],
    path: "/sys/sync/status",
    summary: "Services, destinations, counts by status, the oldest wait",
    capability: "read",
    answers: overview,
    errors: [],
  },
  {
    id: "readDestinationStatus",
    methods: ["get"],
    path: "/sys/sync/status/destinations/azure-kv/{name}",
    summary: "The same of one destination",
    capability: "read",
    answers: overview,
    errors: [404],
  },
  {
    id: "readSecretStatus",
    methods: ["get"],
    path: "/sys/sync/status/secret",
    summary: "Everything known of one secret, hop by hop; no value",
    capability: "read",
    query: namedSecretSchema,
    answers: { name: "SecretStatus", data: secretTraceSchema },
    errors: [404],
  },
  {
    id: "readHistory",
    methods: ["get"],
    path: "/sys/sync/history",
    summary: "What changed at the source and how it ended, by time",
    capability: "read",
    query: historyQuerySchema,
    answers: { name: "History", data: historySchema },
    errors: [404],
  },
  {
    id: "followHistory",
    methods: ["get"],
    path: "/sys/sync/history/feed",
    summary: "What happens from now on: asked again and again with the cursor of the last answer",
    capability: "read",
    query: feedQuerySchema,
    answers: { name: "Feed", data: feedSchema },
    errors: [404],
  },
];

const REPLAY: readonly Operation[] = [
  {
    id: "listOperations",
    methods: ["get"],
    path: "/sys/sync/operations/",
    summary: "Replays and resyncs, newest first",
    capability: "list",
    query: list,
    answers: { name: "OperationList", data: operationListSchema },
    errors: [404],
  },
  {
    id: "startReplay",
    methods: ["put", "post"],
    path: "/sys/sync/operations/replay",
    summary:
      "Goes through every secret that changed in a span of time, and orders what is not as it should be",
    capability: writes,
    body: replayFieldsSchema,
    answers: operation,
    errors: [404],
  },
  {
    id: "startResync",
    methods: ["put", "post"],
    path: "/sys/sync/operations/resync",
    summary: "The same for every associated secret, by its current state",
    capability: writes,
    body: resyncFieldsSchema,
    answers: operation,
    errors: [404],
  },
  {
    id: "readOperation",
    methods: ["get"],
    path: "/sys/sync/operations/{id}",
    summary: "How far an operation is",
    capability: "read",
    answers: operation,
    errors: [404],
  },
  {
    id: "cancelOperation",
    methods: ["put", "post"],
    path: "/sys/sync/operations/{id}/cancel",
    summary: "Stops it where it stands",
    capability: writes,
    answers: operation,
    errors: [404],
  },
  {
    id: "resumeOperation",
    methods: ["put", "post"],
    path: "/sys/sync/operations/{id}/resume",
    summary: "Goes on where it was cancelled or failed",
    capability: writes,
    answers: operation,
    errors: [404],
  },
  {
    id: "planReplay",
    methods: ["put", "post"],
    path: "/sys/sync/plan/replay",
    summary: "What a replay would order; orders nothing",
    capability: writes,
    body: replayFieldsSchema,
    answers: rehearsal,
    errors: [404],
  },
  {
    id: "planResync",
    methods: ["put", "post"],
    path: "/sys/sync/plan/resync",
    summary: "What a resync would order; orders nothing",
    capability: writes,
    body: resyncFieldsSchema,
    answers: rehearsal,
    errors: [404],
  },
];

const LETTERS: readonly Operation[] = [
  {
    id: "listDeadLetters",
    methods: ["get"],
    path: "/sys/sync/dlq/",
    summary: "What gave up and needs a person, oldest first",
    capability: "list",
    query: list,
    answers: { name: "DeadLetterList", data: letterListSchema },
    errors: [404],
  },
  {
    id: "readDeadLetter",
    methods: ["get"],
    path: "/sys/sync/dlq/{sequence}",
    summary: "One of them",
    capability: "read",
    answers: { name: "DeadLetter", data: letterSchema },
    errors: [404],
  },
  {
    id: "retryDeadLetter",
    methods: ["put", "post"],
    path: "/sys/sync/dlq/{sequence}/retry",
    summary: "Orders once more what it is about, and drops it",
    capability: writes,
    answers: { name: "RetriedDeadLetter", data: retriedSchema },
    errors: [404],
  },
  {
    id: "dropDeadLetter",
    methods: ["delete"],
    path: "/sys/sync/dlq/{sequence}",
    summary: "Drops it, and older ones of the same thing",
    capability: "delete",
    answers: "nothing",
    errors: [404],
  },
];

const DRIFT: readonly Operation[] = [
  {
    id: "readDriftReport",
    methods: ["get"],
    path: "/sys/sync/drift/azure-kv/{name}",
    summary: "What the last look at the whole vault found",
    capability: "read",
    answers: { name: "DriftReport", data: driftReportAnswerSchema },
    errors: [404],
  },
  ...(["check", "repair"] as const).map((mode): Operation => ({
    id: `${mode}Drift`,
    methods: ["put", "post"],
    path: `/sys/sync/drift/azure-kv/{name}/${mode}`,
    summary:
      mode === "check" ? "Asks for a look now" : "Asks for a look, and for what differs to be written again",
    capability: writes,
    ...(mode === "repair" ? { body: driftRepairFieldsSchema } : {}),
    answers: { name: "DriftRequested", data: driftRequestedSchema },
    errors: [404],
  })),
];

const ORPHANS: readonly Operation[] = [
  {
    id: "listOrphans",
    methods: ["get"],
    path: "/sys/sync/orphans/azure-kv/{name}",
    summary: "Secrets with a mark of ours that nothing wants, as the last look at the whole vault found them",
    capability: "read",
    answers: { name: "Orphans", data: orphansSchema },
    errors: [404],
  },
  {
    id: "collectOrphans",
    methods: ["put", "post"],
    path: "/sys/sync/orphans/azure-kv/{name}/collect",
    summary: "Approves that exactly these are deleted; the report of the look that does it tells of each",
    capability: writes,
    body: collectFieldsSchema,
    answers: { name: "DriftRequested", data: driftRequestedSchema },
    errors: [404, 409],
  },
];

const SOURCE: readonly Operation[] = [
  {
    id: "readSourceReport",
    methods: ["get"],
    path: "/sys/sync/source",
    summary: "What the change-detector holds back, and why",
    capability: "read",
    answers: { name: "SourceReport", data: sourceReportAnswerSchema },
    errors: [],
  },
  {
    id: "confirmSource",
    methods: ["put", "post"],
    path: "/sys/sync/source/confirm",
    summary: "A person's word that the cluster or mount that answers now is the source",
    capability: writes,
    body: confirmFieldsSchema,
    answers: { name: "SourceConfirmed", data: confirmedSchema },
    errors: [],
  },
  {
    id: "hint",
    methods: ["put", "post"],
    path: "/sys/sync/hint",
    summary: "Asks the change-detector to look at a secret or a mount now",
    capability: writes,
    body: hintFieldsSchema,
    answers: { name: "Hinted", data: hintedSchema },
    errors: [],
  },
];

const WHOLE: readonly Operation[] = [
  {
    id: "readPolicy",
    methods: ["get"],
    path: "/sys/sync/policies/{role}",
    summary: "The least that a part needs at the source, in NATS or in Azure, as text to paste",
    capability: "read",
    query: policyQuerySchema,
    answers: { name: "Policy", data: policySchema },
    errors: [],
  },
  {
    id: "export",
    methods: ["get"],
    path: "/sys/sync/export",
    summary: "Destinations, associations and rules as one document, without credentials",
    capability: "read",
    answers: { name: "Export", data: exportSchema },
    errors: [],
  },
  {
    id: "doctor",
    methods: ["get"],
    path: "/sys/sync/doctor",
    summary: "Looks at every part: what is wrong, and what mends it",
    capability: "read",
    answers: { name: "Diagnosis", data: doctorSchema },
    errors: [],
  },
  {
    id: "probe",
    methods: ["put", "post"],
    path: "/sys/sync/doctor",
    summary: "The same; if asked to, proves the right to write by a probe in each vault",
    capability: writes,
    body: doctorFieldsSchema,
    answers: { name: "Diagnosis", data: doctorSchema },
    errors: [],
  },
];

const PLANS: readonly Operation[] = [
  {
    id: "planDestination",
    methods: ["put", "post"],
    path: "/sys/sync/plan/destinations/azure-kv/{name}",
    summary: "What a write of a destination, there or not yet, would do in Key Vault; does nothing",
    capability: writes,
    body: planDestinationSchema,
    answers: plan,
    errors: [404],
  },
  {
    id: "planRule",
    methods: ["put", "post"],
    path: "/sys/sync/plan/rules",
    summary: "What a rule would add; does nothing",
    capability: writes,
    body: planRuleSchema,
    answers: plan,
    errors: [404],
  },
  {
    id: "planApproval",
    methods: ["put", "post"],
    path: "/sys/sync/plan/approvals/azure-kv/{name}",
    summary: "What an approval of all held deletes would delete; does nothing",
    capability: writes,
    answers: plan,
    errors: [404],
  },
];

const ADOPT: readonly Operation[] = [
  {
    id: "planAdoption",
    methods: ["put", "post"],
    path: "/sys/sync/adopt/azure-kv/{name}/plan",
    summary:
      "Which Key Vault secrets that are nobody's could be taken over, and how they differ; does nothing",
    capability: writes,
    body: adoptPlanFieldsSchema,
    answers: { name: "AdoptionPlan", data: adoptPlanSchema },
    errors: [404],
  },
  {
    id: "adopt",
    methods: ["put", "post"],
    path: "/sys/sync/adopt/azure-kv/{name}",
    summary: "Takes over exactly what a plan showed",
    capability: writes,
    body: adoptFieldsSchema,
    answers: { name: "Adopted", data: adoptedSchema },
    errors: [404, 409],
  },
];

/** All operations below /sys/sync that are about operating. */
export const OPERATED: readonly Operation[] = [
  ...STATUS,
  ...REPLAY,
  ...PLANS,
  ...ADOPT,
  ...LETTERS,
  ...DRIFT,
  ...ORPHANS,
  ...SOURCE,
  ...WHOLE,
];
