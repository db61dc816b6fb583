// Owns: what differs between two runs of one command, replaced: so that transcripts can be kept. Pure.
import type { Stack } from "@keyferry/testkit";

/** The text without times, ids, ages and addresses. */
export function normalised(text: string, stack: Pick<Stack, "vault" | "openbao" | "dir">): string {
  return (
    text
      .replaceAll(stack.dir, "<folder>")
      .replaceAll(stack.vault.address, "<address>")
      .replaceAll(stack.openbao.url, "<vault>")
      .replaceAll(/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z/g, "<time>")
      .replaceAll(/\b(?:\d+(?:d|h|m|s|ms)(?: |\b)){1,2}ago\b/g, "<ago>")
      .replaceAll(/(?<=  |"latency_ms": )\d+(?:ms|s)?(?=  -\n|  -$|,\n)/g, (number) =>
        /^\d+$/.test(number) && !text.includes("latency_ms") ? number : "<latency>",
      )
      .replaceAll(/\b[0-9a-f]{32}\b/g, "<id>")
      .replaceAll(/\b(?=[a-z]*[2-7])[a-z2-7]{20}\b/g, "<id>")
      .replaceAll(/\b(?=[a-z]*[2-7])[a-z2-7]{26}\b/g, "<id>")
      .replaceAll(/\b[0-9a-f]{8}\b(?=\s|")/g, "<id>")
      .replaceAll(/kv_[0-9a-f]{8}/g, "<accessor>")
      .replaceAll(
        /"(clock_off_ms|took_ms|sequence|event_sequence|consumed_sequence|messages)": -?\d+/g,
        '"$1": "<number>"',
      )
      .replaceAll(/\(event \d+\)/g, "(event <number>)")
      // Columns are as wide as what was replaced.
      .replaceAll(/(?<=\S) {2,}/g, "  ")
  );
}
