// Owns: the folder of one server: made for it and removed with it, or the caller's and left alone.

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { guardPath, releasePath } from "./backend/watchdog.ts";

export interface ServerFolder {
  readonly path: string;
  remove(): Promise<void>;
}

/** The caller's folder, made if needed and kept; without one, a new folder that is removed at the end. */
export async function openServerFolder(name: string, given: string | undefined): Promise<ServerFolder> {
  if (given !== undefined) {
    const path = resolve(given);
    await mkdir(path, { recursive: true });
    return { path, remove: async () => undefined };
  }
  const path = await mkdtemp(join(tmpdir(), `keyferry-${name}-`));
  guardPath(path);
  return {
    path,
    async remove() {
      await rm(path, { recursive: true, force: true, maxRetries: 5 });
      releasePath(path);
    },
  };
}
