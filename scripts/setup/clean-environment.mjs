// Owns: the environment that commands and the job get: the caller's, without what npm adds for the script it runs.
// Left in, npm's own variables would send an inner `npm ci` to another folder, or make it leave out what is needed.

import { delimiter } from "node:path";

const NPM_SETTINGS = [
  "prefix local_prefix global_prefix global location workspace workspaces include_workspace_root",
  "omit include only production also dev optional dry_run package_lock package_lock_only ignore_scripts",
]
  .join(" ")
  .split(" ");

/** Whether npm set it for the running script, or it would change what an inner npm does. */
function isNpms(name) {
  const lower = name.toLowerCase();
  if (/^npm_(?:package|lifecycle)_/u.test(lower)) return true;
  if (["npm_command", "npm_node_execpath"].includes(lower)) return true;
  return (
    lower.startsWith("npm_config_") &&
    NPM_SETTINGS.includes(lower.slice("npm_config_".length).replace(/-/gu, "_"))
  );
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {readonly string[]} pathFirst folders to be searched before PATH
 * @returns {NodeJS.ProcessEnv}
 */
export function cleanEnvironment(env, pathFirst) {
  const kept = Object.entries(env).filter(([name]) => !isNpms(name) && name !== "PATH");
  return { ...Object.fromEntries(kept), PATH: [...pathFirst, env.PATH ?? ""].join(delimiter) };
}
