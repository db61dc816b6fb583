// Certificates and tokens of tests: what a person registers with an application, and what a platform's issuer signs.
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { generate } from "selfsigned";

/** An RSA certificate, and its private key behind it, as a person sends them. */
export async function makeApplicationCertificate(): Promise<{ certificate: string; pem: string }> {
  const made = await generate([{ name: "commonName", value: "keyferry-sink" }], {
    keySize: 2048,
    algorithm: "sha256",
  });
  return { certificate: made.cert, pem: `${made.cert}\n${made.private}` };
}

/** An issuer of a platform's tokens, as a cluster's API server is one. */
export class TestIssuer {
  readonly url = "https://issuer.test";
  readonly #keys = generateKeyPairSync("rsa", { modulusLength: 2048 });

  get publicKey(): string {
    return this.#keys.publicKey.export({ type: "spki", format: "pem" }).toString();
  }

  token(claims: Readonly<Record<string, unknown>> = {}): string {
    const nowS = Math.floor(Date.now() / 1000);
    return jwt(
      {
        iss: this.url,
        sub: "system:serviceaccount:keyferry:sink",
        aud: "api://AzureADTokenExchange",
        iat: nowS,
        exp: nowS + 600,
        ...claims,
      },
      this.#keys.privateKey,
    );
  }
}

function jwt(claims: object, key: KeyObject): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "RS256", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${sign("sha256", Buffer.from(signed), key).toString("base64url")}`;
}
