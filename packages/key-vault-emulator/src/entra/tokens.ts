// Owns: access tokens: signed with a key that lives as long as the process, checked for signature, expiry, audience
// and issuer. Tokens live in real time: the clients that cache them know no other.
import { createHmac, randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import { unauthorized } from "../wire/refusal.ts";
import type { Refusal } from "../wire/refusal.ts";
import { readJwtClaims } from "./principals.ts";
import type { Principal } from "./principals.ts";

export interface Caller {
  readonly kind: "caller";
  readonly clientId: string;
  readonly expiresAtMs: number;
  /** When the token was made, in real time: claims challenges and revocations look at it. */
  readonly issuedAtMs: number;
}

/** Checked tokens kept, so that a burst of calls costs one signature check; forgotten all at once when full. */
const CHECKED_MAX = 1_000;

const HEADER = Buffer.from(JSON.stringify({ typ: "JWT", alg: "HS256" })).toString("base64url");

/** Makes and checks tokens for one tenant's vaults. */
export class Tokens {
  readonly #key = randomBytes(32);
  readonly #tenantId: string;
  readonly #audience: string;
  #checked = new Map<string, Caller>();
  #revokedBeforeMs = 0;

  constructor(tenantId: string, audience: string) {
    this.#tenantId = tenantId;
    this.#audience = audience;
  }

  /** A token of this principal. A negative lifetime makes one that has expired. */
  issue(principal: Principal, audience: string, lifetimeSeconds: number): string {
    const nowMs = Date.now();
    const nowS = Math.floor(nowMs / 1000);
    const claims = {
      aud: audience,
      iss: `https://sts.windows.net/${principal.tenantId}/`,
      iat: nowS,
      nbf: nowS,
      exp: nowS + lifetimeSeconds,
      appid: principal.clientId,
      oid: principal.objectId,
      sub: principal.objectId,
      tid: principal.tenantId,
      idtyp: "app",
      uti: randomUUID(),
      ver: "1.0",
      // Entra's times are whole seconds; revocation within a second needs more.
      issued_at_ms: nowMs,
    };
    const signed = `${HEADER}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}`;
    return `${signed}.${this.#sign(signed).toString("base64url")}`;
  }

  /** Makes every token given so far invalid. */
  revokeAll(): void {
    this.#revokedBeforeMs = Date.now() + 1;
    this.#checked.clear();
  }

  /** Who calls, or why the token is not taken. */
  check(token: string): Caller | Refusal {
    const nowMs = Date.now();
    const known = this.#checked.get(token);
    if (known !== undefined && known.expiresAtMs > nowMs) return known;
    const claims = this.#signatureIsOurs(token) ? readJwtClaims(token) : undefined;
    if (claims === undefined)
      return unauthorized("AKV10046: The signature of the token cannot be validated.");
    const expiresAtMs = Number(claims["exp"]) * 1000;
    const issuedAtMs = Number(claims["issued_at_ms"]);
    if (!(expiresAtMs > nowMs)) return unauthorized("The token has expired.");
    if (issuedAtMs < this.#revokedBeforeMs) return unauthorized("The token has been revoked.");
    if (claims["aud"] !== this.#audience) return unauthorized("AKV10022: Invalid audience.");
    if (claims["tid"] !== this.#tenantId) return unauthorized("AKV10032: Invalid issuer.");
    const caller: Caller = { kind: "caller", clientId: String(claims["appid"]), expiresAtMs, issuedAtMs };
    if (this.#checked.size >= CHECKED_MAX) this.#checked.clear();
    this.#checked.set(token, caller);
    return caller;
  }

  #signatureIsOurs(token: string): boolean {
    const dot = token.lastIndexOf(".");
    if (dot < 0) return false;
    const given = Buffer.from(token.slice(dot + 1), "base64url");
    const expected = this.#sign(token.slice(0, dot));
    return given.length === expected.length && timingSafeEqual(given, expected);
  }

  #sign(text: string): Buffer {
    return createHmac("sha256", this.#key).update(text).digest();
  }
}
