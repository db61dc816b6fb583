import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

const RECIPE = resolve(import.meta.dirname, "../../deploy/routing/nginx.conf.example");

/** Where the recipe of nginx sends what, as `host:port`. */
export interface RoutingTargets {
  readonly vault: string;
  readonly keyferry: string;
}

/** The shipped recipe for nginx, with the three lines changed that say CHANGE, and nothing else. */
export async function nginxRecipe(targets: RoutingTargets): Promise<(port: number) => string> {
  const text = await readFile(RECIPE, "utf8");
  return (port) => {
    const changes = [
      ["server vault.internal:8200;", `server ${targets.vault};`],
      ["server keyferry.internal:8250;", `server ${targets.keyferry};`],
      ["listen 8200;", `listen 127.0.0.1:${port};`],
    ] as const;
    return changes.reduce((changed, [from, to]) => {
      const parts = changed.split(from);
      if (parts.length !== 2) throw new Error(`the recipe has "${from}" ${parts.length - 1} times, not once`);
      return parts.join(to);
    }, text);
  };
}
