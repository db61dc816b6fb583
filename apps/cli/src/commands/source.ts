// Owns: `keyferry hint` and `keyferry confirm`: asking the change-detector to look, and telling it that what answers now
// is the source.

import { type Adder, type Context, examples } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { agoText, tableOf } from "../output.ts";
import { parseSecret } from "../parse/names.ts";
import { listOf, partOf, textOf } from "../rows.ts";

/** Adds both commands. */
export function addSource({ program, act }: Adder): void {
  program
    .command("hint")
    .description("Asks the change-detector to look at a secret, or a whole mount, now")
    .argument("<secret>", "MOUNT/PATH, or MOUNT/ for all of it")
    .option("--mount <path>", "where a mount's path has slashes: the mount of the secret")
    .addHelpText(
      "after",
      examples(["keyferry hint my-kv/app/db", "one secret"], ["keyferry hint my-kv/", "all of a mount"]),
    )
    .action(act<{ readonly mount?: string }>(hint));
  program
    .command("confirm")
    .description(
      "Says that the cluster, or the mount at a path, that answers now is the source; without it, shows what is held",
    )
    .argument("[id]", "the cluster id or accessor that answers now, as `keyferry confirm` shows it")
    .option("--mount <path>", "what stands at this mount's path, in place of the cluster")
    .option("--reason <text>", "kept with it")
    .addHelpText(
      "after",
      `
After a restore into another cluster, or a mount that was disabled and enabled again, nothing is deleted or written
until a person has said that this is meant.
${examples(
  ["keyferry confirm", "what is held, and the ids"],
  ["keyferry confirm 6f2c1b8e-3a54-4d0c-9c1e-7b5d0a9e4f21", "this cluster is the source now"],
  ["keyferry confirm kv_1a2b3c4d --mount my-kv", "this mount replaces the old one"],
)}`,
    )
    .action(act<ConfirmOptions>(confirm));
}

interface ConfirmOptions {
  readonly mount?: string;
  readonly reason?: string;
}

async function hint(
  { api, show }: Context,
  { mount }: { readonly mount?: string },
  [given = ""]: readonly string[],
) {
  const whole = mount === undefined && /^[^/]+\/?$/.test(given);
  const named = whole ? undefined : parseSecret(given, mount);
  const body =
    named === undefined
      ? { mount: given.replace(/\/$/, "") }
      : { mount: named.mount, secret_name: named.path };
  const data = await api.call("PUT", "sys/sync/hint", { body });
  show(data, () => `Asked: the change-detector looks at ${given} within moments.`);
}

async function confirm(
  { api, show, io }: Context,
  { mount, reason }: ConfirmOptions,
  [id]: readonly string[],
): Promise<ExitCode> {
  if (id === undefined) {
    const data = await api.call("GET", "sys/sync/source");
    const rows = listOf(data, "held").map((held) => {
      const change = partOf(held, "change");
      return [
        textOf(held, "mount"),
        textOf(held, "why"),
        agoText(held["since"], io.now()),
        textOf(change, "from"),
        textOf(change, "to"),
      ];
    });
    show(data, () =>
      rows.length === 0 ? "Nothing is held." : tableOf(["mount", "why", "since", "was", "answers now"], rows),
    );
    return rows.length === 0 ? EXIT.done : EXIT.findings;
  }
  const body = {
    to: id,
    ...(mount === undefined ? {} : { mount }),
    ...(reason === undefined ? {} : { reason }),
  };
  const data = await api.call("PUT", "sys/sync/source/confirm", { body });
  show(data, () =>
    data["changed"] === true
      ? "Confirmed: the change-detector goes on within seconds."
      : "It was confirmed before.",
  );
  return EXIT.done;
}
