import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { loadConfig } from "@keyferry/service";
import { SERVICE_NAMES, type Service, type ServiceName, startService } from "@keyferry/testkit";

const SECTIONS = {
  "change-detector": "changeDetector",
  "association-service": "associationService",
  "azure-sink": "azureSink",
} as const satisfies Record<ServiceName, string>;

/**
 * Runs the three services on a configuration of the user's, against servers that exist. They wait for servers that are
 * away, so each is only waited for to be alive. Throws `config-invalid` with every fault of the file.
 */
export async function startOnExistingServers(
  configFile: string,
  runFolder: string,
): Promise<readonly Service[]> {
  // npm runs its jobs in the repository's root; the path is meant from where the user typed it.
  const file = resolve(process.env["INIT_CWD"] ?? ".", configFile);
  const environment = process.env;
  const ports: [ServiceName, number][] = [];
  for (const name of SERVICE_NAMES) {
    const { listen } = await loadConfig(SECTIONS[name], { file, environment });
    ports.push([name, listen.port]);
  }
  await mkdir(join(runFolder, "logs"), { recursive: true });
  return Promise.all(
    ports.map(([name, healthPort]) =>
      startService(name, {
        configFile: file,
        healthPort,
        dir: join(runFolder, name),
        logFile: join(runFolder, "logs", `${name}.log`),
        waitFor: "live",
        // References such as ${AZURE_CLIENT_SECRET} are resolved by the services.
        env: Object.fromEntries(
          Object.entries(environment).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
        ),
      }),
    ),
  );
}
