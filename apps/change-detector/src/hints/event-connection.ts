// Owns: opening one websocket to Vault Enterprise's event stream: where to, with which token, and what a refusal means.
// Does not own: when it is opened again, and what a frame says. Invariant: the token goes to the source's address and to
// the nodes that the configuration names, nowhere else; redirects are followed by hand (reference 1.2).
import type { IncomingMessage } from "node:http";
import { KeyferryError } from "@keyferry/errors";
import type { SecretValue } from "@keyferry/ports";
import { EVENT_FRAME_BYTES_MAX } from "@keyferry/vault-client";
import { WebSocket } from "ws";

export interface EventTarget {
  /** Of the source, `http(s)://…`. */
  readonly address: string;
  readonly namespace: string;
  /** Globs over namespaces below. */
  readonly namespaces: readonly string[];
  /** `host:port` of other nodes that a standby may name. */
  readonly redirectHosts: readonly string[];
  readonly ca?: Buffer;
}

export type Opened =
  /** Paused: it is resumed by who listens. */
  | { readonly kind: "open"; readonly socket: WebSocket }
  /** 404: this server has no event stream. */
  | { readonly kind: "unsupported" }
  | { readonly kind: "denied" }
  /** It can't be reached, or answers what is no answer. */
  | { readonly kind: "failed"; readonly error: KeyferryError };

type Step = Opened | { readonly kind: "redirect"; readonly to: string };

const REDIRECTS_MAX = 10;
const HANDSHAKE_MS_MAX = 10_000;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 307, 308]);

/** Opens the stream of all KVv2 events. Never rejects. */
export async function openEvents(target: EventTarget, token: SecretValue): Promise<Opened> {
  let url = streamUrl(target);
  for (let hops = 0; hops <= REDIRECTS_MAX; hops += 1) {
    const step = await handshake(url, target, token);
    if (step.kind !== "redirect") return step;
    const next = redirected(url, step.to, target);
    if (next === undefined) {
      return failed(
        "A node sends the event stream to a host that changeDetector.hints.events.redirectHosts lacks",
      );
    }
    url = next;
  }
  return failed(`The event stream is redirected more than ${REDIRECTS_MAX} times`);
}

function streamUrl({ address, namespaces }: EventTarget): URL {
  const url = new URL(address.replace(/^http/, "ws"));
  url.pathname = `${url.pathname.replace(/\/$/, "")}/v1/sys/events/subscribe/kv-v2/*`;
  url.searchParams.set("json", "true");
  for (const glob of namespaces) url.searchParams.append("namespaces", glob);
  return url;
}

function handshake(url: URL, { namespace, ca }: EventTarget, token: SecretValue): Promise<Step> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, {
      headers: {
        "x-vault-token": token.reveal(),
        "x-vault-request": "true",
        ...(namespace === "" ? {} : { "x-vault-namespace": namespace }),
      },
      ...(ca === undefined ? {} : { ca }),
      handshakeTimeout: HANDSHAKE_MS_MAX,
      maxPayload: EVENT_FRAME_BYTES_MAX,
      perMessageDeflate: false,
      followRedirects: false,
    });
    socket.once("open", () => {
      socket.off("error", onError);
      socket.pause(); // until somebody listens: an event may come with the handshake's end
      resolve({ kind: "open", socket });
    });
    socket.once("unexpected-response", (_request, response: IncomingMessage) => {
      response.resume();
      socket.terminate();
      resolve(refusal(response));
    });
    // Codes only: what else is in it came from the other side.
    const onError = (error: Error): void => {
      const code = "code" in error ? String(error.code) : "unknown";
      resolve(failed(`The event stream can't be opened (${code})`));
    };
    socket.on("error", onError);
  });
}

function refusal({ statusCode: status = 0, headers }: IncomingMessage): Step {
  if (REDIRECTS.has(status) && headers.location !== undefined)
    return { kind: "redirect", to: headers.location };
  if (status === 404) return { kind: "unsupported" };
  if (status === 401 || status === 403) return { kind: "denied" };
  return failed(`The event stream is refused with status ${status}`);
}

/** Where a redirect leads, if the token may go there. Vault's Location may have http's schemes (reference 1.2). */
function redirected(from: URL, location: string, { redirectHosts }: EventTarget): URL | undefined {
  const to = URL.parse(location, from.href);
  if (to === null) return undefined;
  const isSecure = to.protocol === "https:" || to.protocol === "wss:";
  if (!isSecure && (from.protocol === "wss:" || !["http:", "ws:"].includes(to.protocol))) return undefined;
  to.protocol = isSecure ? "wss:" : "ws:";
  const isKnown = to.host === from.host || redirectHosts.includes(withPort(to));
  return isKnown && to.username === "" && to.password === "" ? to : undefined;
}

function withPort(url: URL): string {
  return url.port === "" ? `${url.hostname}:${url.protocol === "wss:" ? 443 : 80}` : url.host;
}

function failed(message: string): Opened & { kind: "failed" } {
  return { kind: "failed", error: new KeyferryError("source-unreachable", message) };
}
