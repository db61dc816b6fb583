// Owns: the operations of rules and of held deletes as the OpenAPI document has them. Does not own the routes: a test
// holds the two together.

import { z } from "zod";
import { approvalFieldsSchema, approvedSchema, heldListSchema, heldSchema } from "../permits/held-answers.ts";
import { ruleListSchema, ruleSchema } from "../rules/rule-answers.ts";
import { ruleFieldsSchema } from "../rules/rule-fields.ts";
import type { Operation } from "./operations.ts";

const RULES = "/sys/sync/rules/azure-kv/{destination}";
const RULE = `${RULES}/{rule}`;
const HELD = "/sys/sync/held";
const list = z.object({ list: z.literal("true").describe("As the method LIST.") });
const rule = { name: "Rule", data: ruleSchema };

export const RULED: readonly Operation[] = [
  {
    id: "listRules",
    methods: ["get"],
    path: `${RULES}/`,
    summary: "The rules of a destination, with how many associations each makes right now",
    capability: "list",
    query: list,
    answers: { name: "RuleList", data: ruleListSchema },
    errors: [],
  },
  {
    id: "readRule",
    methods: ["get"],
    path: RULE,
    summary: "A rule, with how many associations it makes right now",
    capability: "read",
    answers: rule,
    errors: [],
  },
  {
    id: "writeRule",
    methods: ["put", "post"],
    path: RULE,
    summary: "Makes or replaces a rule; takes sudo, as it reaches secrets that the caller may not read",
    capability: "create or update, and sudo",
    body: ruleFieldsSchema,
    answers: rule,
    errors: [],
  },
  {
    id: "patchRule",
    methods: ["patch"],
    path: RULE,
    summary: "Changes the fields that are sent; null takes a value away",
    capability: "patch and sudo",
    body: ruleFieldsSchema,
    answers: rule,
    errors: [415],
  },
  {
    id: "deleteRule",
    methods: ["delete"],
    path: RULE,
    summary: "Removes a rule; what it made is unsynced within the delete budget",
    capability: "delete and sudo",
    answers: "nothing",
    errors: [],
  },
  {
    id: "listHeld",
    methods: ["get"],
    path: HELD,
    summary: "Destinations that hold deletes back until a person approves them",
    capability: "read",
    answers: { name: "HeldList", data: heldListSchema },
    errors: [],
  },
  {
    id: "readHeld",
    methods: ["get"],
    path: `${HELD}/azure-kv/{destination}`,
    summary: "The deletes that a destination holds back, and the digest to approve exactly those",
    capability: "read",
    answers: { name: "Held", data: heldSchema },
    errors: [],
  },
  {
    id: "approveHeld",
    methods: ["put", "post"],
    path: `${HELD}/azure-kv/{destination}/approve`,
    summary: "Permits exactly the deletes of this digest, once; 409 if another set is held by now",
    capability: "create or update",
    body: approvalFieldsSchema,
    answers: { name: "Approved", data: approvedSchema },
    errors: [409],
  },
];
