// Owns: `keyferry policy`: texts to paste.

import { Argument } from "commander";
import { type Adder, type Context, examples } from "../command.ts";
import { textOf } from "../rows.ts";

interface Options {
  readonly mounts?: string;
  readonly flavour: string;
}

const ROLES = ["detector", "sink", "api", "operator", "nats", "azure"];

/** Adds the command. */
export function addPolicy({ program, act }: Adder): void {
  program
    .command("policy")
    .description("Prints the least that a part needs: policies of the source, users of NATS, a role of Azure")
    .addArgument(new Argument("<role>", "for whom").choices(ROLES))
    .option("--mounts <paths>", "mounts, with commas between (default: those that are associated)")
    .option("--flavour <name>", "openbao or vault: they refuse each other's words", "openbao")
    .addHelpText(
      "after",
      examples(
        ["keyferry policy detector | bao policy write keyferry-change-detector -", "for OpenBao"],
        ["keyferry policy sink --flavour vault --mounts my-kv,other", "for Vault, two mounts"],
        ["keyferry policy azure", "commands of az, for every destination's vault"],
      ),
    )
    .action(act<Options>(policy));
}

async function policy({ api, show }: Context, { mounts, flavour }: Options, [role = ""]: readonly string[]) {
  const data = await api.call("GET", `sys/sync/policies/${role}`, { query: { mounts, flavour } });
  show(data, () => textOf(data, "text") ?? "");
}
