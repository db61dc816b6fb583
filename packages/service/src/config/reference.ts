// Owns: the configuration as documentation: docs/reference/configuration.md and the JSON Schema for editors. Both come
// from the sections' schemas, so that they can't say anything else than the reader does.
import type { z } from "zod";
import { type KeyNode, keysOf, leavesOf } from "./key-facts.ts";
import { SECTIONS, sectionsOf, type ServiceSection } from "./resolve.ts";

const SERVICES: Readonly<Record<ServiceSection, string>> = {
  changeDetector: "change-detector",
  associationService: "association-service",
  azureSink: "azure-sink",
};

const SECTION_INTRODUCTIONS: Readonly<Record<keyof typeof SECTIONS, string>> = {
  log: "What is written to stdout, one JSON object a line.",
  traces:
    "Where OpenTelemetry traces go. One trace leads from the write at the source to the Key Vault version.",
  source: "The Vault or OpenBao whose secrets are kept in step.",
  nats: "The message bus; JetStream has to be enabled.",
  redis: "The sinks' working memory.",
  changeDetector: "Finds out what changed at the source.",
  associationService: "The API, and the decisions what should be in which Key Vault.",
  azureSink: "Writes to Azure Key Vault.",
};

/** A text that is, or has in it, a reference: what an editor must let pass in place of a number or a word. */
const REFERENCE_SCHEMA = { type: "string", pattern: "\\$\\{|^file:" };

/** The JSON Schema that editors check keyferry.yaml against. */
export function editorSchema(): Record<string, unknown> {
  const properties = Object.entries(SECTIONS).map(([name, schema]) => {
    const introduction = SECTION_INTRODUCTIONS[name as keyof typeof SECTIONS];
    return [name, { description: introduction, ...forEditors(keysOf(schema)) }];
  });
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "keyferry.yaml",
    type: "object",
    properties: Object.fromEntries(properties),
    additionalProperties: false,
  };
}

function forEditors(node: KeyNode): Record<string, unknown> {
  const { description, "x-unit": unit } = node;
  const told = unit === undefined ? description : `${description ?? ""} Unit: ${unit}.`;
  const text = told === undefined ? {} : { description: told };
  if (node.type === "object") {
    const properties = Object.entries(node.properties ?? {}).map(([key, child]) => [key, forEditors(child)]);
    return {
      ...text,
      type: "object",
      properties: Object.fromEntries(properties),
      // A section that one service has to have may be left out for another: what is missing the reader says.
      additionalProperties: false,
    };
  }
  const shown = node.default === undefined ? {} : { default: node.default };
  const own = Object.fromEntries(
    Object.entries(node).filter(([key]) => !key.startsWith("x-") && !ABOUT.has(key)),
  );
  if (node.items !== undefined) own["items"] = { type: "string" };
  const isPlainText = node.type === "string" && node.enum === undefined;
  return isPlainText ? { ...text, ...own, ...shown } : { ...text, anyOf: [own, REFERENCE_SCHEMA], ...shown };
}

const ABOUT = new Set(["$schema", "description", "default"]);

/** docs/reference/configuration.md. */
export function renderConfigurationPage(): string {
  const parts = [HEAD];
  for (const [name, schema] of Object.entries(SECTIONS)) {
    const readers = Object.entries(SERVICES)
      .filter(([service]) => sectionsOf(service as ServiceSection).includes(name))
      .map(([, title]) => title);
    const introduction = SECTION_INTRODUCTIONS[name as keyof typeof SECTIONS];
    parts.push(
      `## \`${name}\``,
      `${introduction} Read by: ${readers.join(", ")}.`,
      renderTable(name, schema),
    );
  }
  return `${parts.join("\n\n")}\n`;
}

const HEAD = `# Configuration

<!-- Generated from packages/service/src/config/sections.ts by \`npm run reference\`. Do not edit. -->

All three services read one file, \`keyferry.yaml\`: the one that \`--config FILE\` names, else \`KEYFERRY_CONFIG\`, else
\`./keyferry.yaml\`. [keyferry.example.yaml](keyferry.example.yaml) is a whole one. A section that a service does not read
may be absent for it. Everything that is wrong is reported at once, and the service ends with exit code 2.

**For editors**: put \`# yaml-language-server: $schema=docs/reference/keyferry.schema.json\` (the path to
[keyferry.schema.json](keyferry.schema.json)) in the file's first line.

**References**, in any text:

- \`\${NAME}\` is the environment variable NAME; it has to be set. \`\${NAME:-default}\` is \`default\` where NAME is not set or
  is empty. Both may stand within a longer text, and give numbers, true and false too. A literal \`\${\` is written \`$\${\`.
- \`file:/path\` at the beginning is what that file holds, without one newline at its end. Relative paths count from
  \`keyferry.yaml\`'s folder, as they do for keys that name files.
- A list can be one reference, with commas in it: \`servers: "\${NATS_SERVERS}"\`.
- Inside \`[ ]\` and \`{ }\` YAML wants quotes around \`\${NAME}\`.

Two variables are read beside the file: \`KEYFERRY_CONFIG\` names it, and \`KEYFERRY_READY_FILE\` names a file that the
service writes where it listens (JSON, \`{"listen": "127.0.0.1:9401"}\` and what else it opened), for a parent process
that lets the system choose ports.

An empty text is the same as a key that is not there. **Secret** keys are never logged; give them by reference.`;

function renderTable(section: string, schema: z.ZodType): string {
  const rows = leavesOf(keysOf(schema)).map(({ path, node, required }) =>
    [
      `\`${[section, ...path].join(".")}\``,
      typeOf(node),
      required ? "**required**" : defaultOf(node),
      node["x-unit"] ?? "",
      describe(node),
    ].join(" | "),
  );
  return [
    "| key | type | default | unit | what for, and why |",
    "|---|---|---|---|---|",
    ...rows.map((row) => `| ${row} |`),
  ].join("\n");
}

function typeOf(node: KeyNode): string {
  if (node["x-secret"] === true) return "text, secret";
  if (node["x-file"] !== undefined) return "path";
  if (node.enum !== undefined) return node.enum.join(", ");
  if (node.type === "integer") return `${node.minimum ?? ""} to ${node.maximum ?? ""}`;
  if (node.type === "array") return "list of text";
  return node.type === "boolean" ? "true, false" : "text";
}

function defaultOf(node: KeyNode): string {
  const fallback = node["x-environment"];
  if (fallback !== undefined) return `\`\${${fallback}}\``;
  if (node.default === undefined) return "none";
  if (node.default === "") return "empty";
  return `\`${typeof node.default === "string" ? node.default : JSON.stringify(node.default)}\``;
}

function describe(node: KeyNode): string {
  const example = node["x-example"];
  const shown = example === undefined || node.default !== undefined ? "" : ` Example: \`${example}\`.`;
  return `${node.description ?? ""}${shown}`.replaceAll("|", "\\|");
}
