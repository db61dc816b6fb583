// Owns: hints that name no secret. A mount without a path: sweep it. No mount either: sweep everything.
import type { Hint } from "@keyferry/contracts";
import type { MountAddress } from "../ports.ts";

export function lookAtMount(at: MountAddress, channel: Hint["channel"]): Hint {
  return { major: 1, namespace: at.namespace, mount: at.mount, operation: "look", channel };
}

export function lookAtAll(channel: Hint["channel"]): Hint {
  return { major: 1, namespace: "", mount: "", operation: "look", channel };
}

/** What a hint asks for. */
export function scopeOf(hint: Hint): "secret" | "mount" | "all" {
  if (hint.path !== undefined && hint.path !== "") return "secret";
  return hint.mount === "" ? "all" : "mount";
}
