// In place of the association-service's gateway/routes.ts: a person of the world calls what the routes would call.
import { runningProcess, world } from "../world.ts";

export function addApiRoutes(_server: unknown, { parts }: { parts: () => unknown }): void {
  world().apis.set(runningProcess(), parts);
}
