// Owns: the last resort, a server that runs out of a container image. The result is a small script that stands for
// the binary, so that a person can call it; code that starts servers looks at `source` and drives Docker itself,
// because a signal to this script reaches the `docker` client, not the server.

import { chmod, mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { run } from "./command.mjs";

/** Whether a Docker daemon answers. */
export async function hasDocker() {
  const probe = await run("docker", ["info", "--format", "{{.ServerVersion}}"]);
  return probe.kind === "ended" && probe.code === 0;
}

/** Writes the script and returns the server. The image is fetched by Docker when it first runs. */
export async function wrapImage(server, cache) {
  const path = join(cache, "containers", server.name);
  await mkdir(dirname(path), { recursive: true });
  const entry = server.name === "bao" ? "bao" : server.commands[0];
  const script = `#!/bin/sh
# ${server.name} out of ${server.image}, on the host's network and with the current folder at the same place.
exec docker run --rm --init --interactive --network host --user "$(id -u):$(id -g)" \\
  --env BAO_ADDR --env BAO_TOKEN --env VAULT_ADDR --env VAULT_TOKEN --env VAULT_FORMAT \\
  --volume "$PWD:$PWD" --workdir "$PWD" --entrypoint ${entry} ${server.image} "$@"
`;
  await writeFile(`${path}.${process.pid}`, script);
  await chmod(`${path}.${process.pid}`, 0o755);
  await rename(`${path}.${process.pid}`, path);
  return { path, version: server.imageVersion, env: {}, image: server.image };
}
