// Owns: who reads the source for a destination, and what (DESIGN section 6, hazard rule-as-deputy): with the destination's
// own role, if it names one, so that what is taken from that role later counts; and never outside of its allowed sources,
// whatever a command says. Does not own: logging in (@keyferry/vault-client).
import { type DestinationRecord, isSourceAllowed, type SourceAccess } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import type { SecretReader } from "../ports.ts";

/** A reader that has logged in with a role; closing it revokes its token. */
export interface RoleReader extends SecretReader {
  close(): Promise<void>;
}

export interface SourceReadersOptions {
  /** The sink's own. */
  readonly own: SecretReader;
  /** Opens nothing before the first read. @throws KeyferryError where the sink can't take roles */
  readonly withRole: (role: string) => RoleReader;
}

export class SourceReaders implements AsyncDisposable {
  readonly #options: SourceReadersOptions;
  readonly #byRole = new Map<string, RoleReader>();

  constructor(options: SourceReadersOptions) {
    this.#options = options;
  }

  /** The reader of a destination's values. Its methods throw `source-not-allowed` and `source-denied`. */
  of({ name, source }: DestinationRecord): SecretReader {
    if (source === undefined) return this.#options.own;
    return {
      readMetadata: (secret, signal) =>
        this.#read(name, source, secret, (reader) => reader.readMetadata(secret, signal)),
      readVersion: (secret, version, signal) =>
        this.#read(name, source, secret, (reader) => reader.readVersion(secret, version, signal)),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#byRole.values()].map((reader) => reader.close()));
    this.#byRole.clear();
  }

  async #read<T>(
    destination: string,
    source: SourceAccess,
    secret: { readonly mount: string; readonly path: string },
    work: (reader: SecretReader) => Promise<T>,
  ): Promise<T> {
    if (!isSourceAllowed(source, secret)) {
      throw new KeyferryError(
        "source-not-allowed",
        `${secret.mount}/${secret.path} is outside of allowed_sources of destination ${destination}`,
      );
    }
    const { role } = source;
    if (role === undefined) return work(this.#options.own);
    try {
      return await work(this.#withRole(role));
    } catch (thrown) {
      if (!(thrown instanceof KeyferryError) || thrown.code !== "source-denied") throw thrown;
      throw new KeyferryError(
        "source-denied",
        `With source_role ${role} of destination ${destination}: ${thrown.message}`,
        thrown.details,
      );
    }
  }

  #withRole(role: string): RoleReader {
    const known = this.#byRole.get(role);
    if (known !== undefined) return known;
    const made = this.#options.withRole(role);
    this.#byRole.set(role, made);
    return made;
  }
}
