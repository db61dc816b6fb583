// Owns: the repository as the checks see it: paths, texts, and which workspace a file belongs to.

/** All files of the repository, by path with forward slashes. */
export type RepositoryFiles = ReadonlyMap<string, string>;

export interface Manifest {
  readonly name: string;
  readonly dependencies: readonly string[];
  readonly devDependencies: readonly string[];
}

/** A workspace: `apps/azure-sink`, `e2e`; the root is "". */
export interface Workspace {
  readonly folder: string;
  readonly manifest: Manifest;
}

/** Every workspace, and the root, from their package.json files. */
export function workspacesOf(files: RepositoryFiles): readonly Workspace[] {
  const workspaces: Workspace[] = [];
  for (const [path, text] of files) {
    const match = /^(?<folder>(?:packages|apps)\/[^/]+|e2e|bench|chaos|simulator)\/package\.json$/.exec(path);
    const folder = path === "package.json" ? "" : match?.groups?.["folder"];
    if (folder !== undefined) workspaces.push({ folder, manifest: manifestOf(text) });
  }
  return workspaces;
}

/** The workspace that a file lies in; the root's, if in none. */
export function workspaceOf(path: string, workspaces: readonly Workspace[]): Workspace | undefined {
  const own = workspaces.find(({ folder }) => folder !== "" && path.startsWith(`${folder}/`));
  return own ?? workspaces.find(({ folder }) => folder === "");
}

/** Whether a file never runs in production (tests, tools): it may use the test side and development dependencies. */
export function isTestFile(path: string): boolean {
  return (
    /^(?:e2e|bench|chaos|simulator|scripts|deploy)\//.test(path) ||
    /\/test\//.test(path) ||
    /\.test\.m?ts$/.test(path) ||
    isToolConfig(path)
  );
}

/** Whether a file's imports are looked at. */
export function isSource(path: string): boolean {
  return /\.(?:ts|mts|mjs|js)$/.test(path);
}

function isToolConfig(path: string): boolean {
  return /^[^/]+\.config\.ts$/.test(path);
}

function manifestOf(text: string): Manifest {
  const json = JSON.parse(text) as { name: string } & Partial<Record<string, Record<string, string>>>;
  const names = (field: string): string[] => Object.keys(json[field] ?? {});
  return {
    name: json.name,
    dependencies: [...names("dependencies"), ...names("optionalDependencies"), ...names("peerDependencies")],
    devDependencies: names("devDependencies"),
  };
}
