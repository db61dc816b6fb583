export function cleanEnvironment(env: NodeJS.ProcessEnv, pathFirst: readonly string[]): NodeJS.ProcessEnv;
