import { relative } from "node:path";
import { KeyferryError } from "@keyferry/errors";
import { type Service, type Stack, startStack } from "@keyferry/testkit";
import { demonstrate } from "./demonstration.ts";
import { startOnExistingServers } from "./existing-servers.ts";
import { HELP, parseOptions, type StartOptions } from "./options.ts";
import { makeRunFolder } from "./run-folder.ts";

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const complain = (line: string): void => void process.stderr.write(`${line}\n`);

/** Resolves at Ctrl-C or SIGTERM. */
function untilAskedToStop(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve());
  });
}

async function runStack(options: StartOptions, asked: Promise<void>): Promise<void> {
  const folder = await makeRunFolder(new Date());
  const shown = relative(process.cwd(), folder);
  print(`Data and logs of this run: ${shown}`);
  const stack = await startStack({ dir: folder, makeMount: false, onStep: (step) => print(`… ${step}`) });
  try {
    print("");
    await Promise.race([demonstrate(stack, print), asked.then(() => stopped())]);
    print("");
    if (options.once) return;
    printWhereEverythingIs(stack, shown);
    await asked;
    print("\nStopping …");
  } finally {
    await stack.stop();
  }
}

function stopped(): never {
  throw new Error("stopped before the demonstration ended");
}

async function runOnExistingServers(configFile: string, asked: Promise<void>): Promise<void> {
  const folder = await makeRunFolder(new Date());
  const services: readonly Service[] = await startOnExistingServers(configFile, folder);
  try {
    print(`The services run on ${configFile}; logs: ${relative(process.cwd(), folder)}/logs`);
    for (const { name, url } of services) print(`  ${name.padEnd(20)} ${url}/readyz`);
    print("Ctrl-C stops them.");
    await asked;
    print("\nStopping …");
  } finally {
    await Promise.all(services.map((service) => service.stop()));
  }
}

function printWhereEverythingIs(stack: Stack, folder: string): void {
  const { openbao, nats, redis, keyVault, services, vault } = stack;
  const rows: [string, string][] = [
    ["API and gateway", vault.address],
    ["OpenBao", openbao.url],
    ["NATS", nats.url],
    ["Redis", redis.url],
    ["Key Vault emulator", `${keyVault.controlUrl}  (CA: ${keyVault.caFile})`],
    ...Object.values(services).map(({ name, url }): [string, string] => [name, `${url}/metrics`]),
    ["Logs", `${folder}/logs`],
  ];
  print("Everything is up:");
  for (const [what, where] of rows) print(`  ${what.padEnd(20)} ${where}`);
  print(`
  export VAULT_ADDR=${vault.address} VAULT_TOKEN=${openbao.rootToken}

Five commands to try (bao or vault, as you have it):
  bao kv put my-kv/my-secret password=s3cr3t
  bao read sys/sync/destinations/azure-kv/my-azure-1/associations
  bao list sys/sync/destinations
  bao write sys/sync/destinations/azure-kv/my-azure-1/associations/remove mount=my-kv secret_name=my-secret
  curl --cacert ${keyVault.caFile} '${keyVault.controlUrl}/secrets?vault=my-azure-1&reveal=true'

Ctrl-C stops everything.`);
}

async function main(args: readonly string[]): Promise<number> {
  let options: StartOptions;
  try {
    options = parseOptions(args);
  } catch (error) {
    complain(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    return EXIT_USAGE;
  }
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const asked = untilAskedToStop();
  try {
    if (options.configFile === undefined) await runStack(options, asked);
    else await runOnExistingServers(options.configFile, asked);
    return 0;
  } catch (error) {
    complain(`\n✗ ${error instanceof Error ? error.message : String(error)}`);
    if (error instanceof KeyferryError) complain(`  ${error.advice}`);
    return error instanceof KeyferryError && error.code === "config-invalid" ? EXIT_USAGE : EXIT_FAILED;
  }
}

process.exitCode = await main(process.argv.slice(2));
