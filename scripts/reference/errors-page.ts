// Owns: docs/reference/errors.md, from the catalogue of error codes.
import { CATALOGUE, type ErrorClass, type RetryClass } from "@keyferry/errors";

const CLASSES: Readonly<Record<ErrorClass, string>> = {
  "client-side": "whoever configured or called Keyferry",
  "external-service": "the service on the other side",
  internal: "Keyferry's developers",
};

const RETRIES: Readonly<Record<RetryClass, string>> = {
  now: "at once",
  later: "by itself, with capped backoff, for ever",
  hopeless: "not before something changes",
};

/** The page as markdown, before the formatter has aligned it. */
export function renderErrorsPage(): string {
  const rows = Object.entries(CATALOGUE).map(
    ([code, { class: errorClass, retry, advice }]) =>
      `| \`${code}\` | ${errorClass} | ${retry} | ${advice} |`,
  );
  const classes = Object.entries(CLASSES).map(([name, who]) => `- **${name}**: ${who} can mend it.`);
  const retries = Object.entries(RETRIES).map(([name, when]) => `- **${name}**: tried again ${when}.`);
  return [
    "# Errors",
    "",
    "<!-- Generated from packages/errors/src/catalogue.ts by `npm run reference`. Do not edit. -->",
    "",
    "Every failure that Keyferry reports, in logs, in a status and in answers of the API, has one of these codes. A code",
    "never changes its meaning: search for it, alert on it.",
    "",
    "**Class** says who can mend it:",
    "",
    ...classes,
    "",
    "**Retry** says when Keyferry tries again:",
    "",
    ...retries,
    "",
    "| code | class | retry | what to do |",
    "|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}
