const PLACEHOLDER = "[secret]";

/**
 * A value that cannot be printed by accident: JSON, string conversion and `util.inspect` all say `[secret]`. Only
 * `reveal()` gives it, and only the code that sends it to its owner calls that (P5).
 */
export class SecretValue {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The value itself. */
  reveal(): string {
    return this.#text;
  }

  /** Length in UTF-8 bytes, for limits that are checked before the value is sent. */
  get sizeBytes(): number {
    return Buffer.byteLength(this.#text, "utf8");
  }

  toString(): string {
    return PLACEHOLDER;
  }

  toJSON(): string {
    return PLACEHOLDER;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return PLACEHOLDER;
  }
}
