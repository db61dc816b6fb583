// Starts servers, tells where they are, and stays: to be killed by clean-up.test.ts.

import { startNats, startRedis } from "../src/index.ts";

const servers = await Promise.all([startNats(), startRedis()]);
process.stdout.write(`${JSON.stringify(servers.map(({ pid, dir }) => ({ pid, dir })))}\n`);
setInterval(() => undefined, 60_000);
