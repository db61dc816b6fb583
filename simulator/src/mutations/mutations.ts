/** A deliberate mistake in the services: one text of one file, replaced as it is loaded. */
export interface Mutation {
  readonly name: string;
  /** How the file's address ends. */
  readonly file: string;
  readonly replace: string;
  readonly by: string;
  /** What it takes away. */
  readonly what: string;
}

export const MUTATIONS: readonly Mutation[] = [];
