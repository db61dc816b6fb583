// Owns: get, list, list versions, and the pages of lists.
import {
  bundleJson,
  deletedBundleJson,
  deletedItemJson,
  itemJson,
  versionItemJson,
} from "../wire/bundles.ts";
import { badParameter, deletedSecretNotFound, forbidden, secretNotFound } from "../wire/refusal.ts";
import type { Refusal } from "../wire/refusal.ts";
import { readPageSize } from "../wire/query.ts";
import { decodeSkipToken, encodeSkipToken } from "../wire/skip-token.ts";
import type { ListKind } from "../wire/skip-token.ts";
import { isReadable } from "../soft-delete/lifecycle.ts";
import { versionOf } from "../store/secret.ts";
import { done } from "./call.ts";
import type { Answer, Call } from "./call.ts";

/** GET /secrets/{name}[/{version}]: the value. `nbf` and `exp` inform only; `enabled: false` refuses. */
export function getSecret(call: Call): Answer {
  const found = call.vault.find(call.name, call.nowMs);
  const asked = call.version === undefined ? call.name : `${call.name}/${call.version}`;
  if (found === undefined || !isReadable(found.phase)) return secretNotFound(asked);
  const version = versionOf(found.record, call.version);
  if (version === undefined) return secretNotFound(asked);
  if (!version.enabled)
    return forbidden("Operation get is not allowed on a disabled secret.", "SecretDisabled");
  return done(bundleJson(call, found.record, version, true));
}

/** GET /secrets. Deleted names are walked over and hidden, so a page may be empty and yet have a `nextLink`. */
export function listSecrets(call: Call): Answer {
  const page = readPage(call, "secrets");
  if (page.kind === "refused") return page;
  const walk = call.vault.walk(page.cursor, page.size, call.nowMs);
  const items = walk.found.filter((one) => isReadable(one.phase)).map((one) => itemJson(call, one.record));
  return done({ value: items, nextLink: nextLink(call, page, "secrets", walk.goOnAfter) });
}

/** GET /deletedsecrets. What is still being deleted is not shown yet. */
export function listDeletedSecrets(call: Call): Answer {
  const page = readPage(call, "deletedsecrets");
  if (page.kind === "refused") return page;
  const walk = call.vault.walkDeleted(page.cursor, page.size, call.nowMs);
  const items = walk.found
    .filter((one) => one.phase === "deleted")
    .map((one) => deletedItemJson(call, one.record));
  return done({ value: items, nextLink: nextLink(call, page, "deletedsecrets", walk.goOnAfter) });
}

/** GET /secrets/{name}/versions, in order of the version's hash; empty, not 404, for a name that is not there. */
export function listVersions(call: Call): Answer {
  const page = readPage(call, "versions");
  if (page.kind === "refused") return page;
  const found = call.vault.find(call.name, call.nowMs);
  if (found === undefined || !isReadable(found.phase)) return done({ value: [], nextLink: null });
  const { record } = found;
  const { cursor } = page;
  const inOrder = record.versions
    .filter((version) => cursor === undefined || version.id > cursor)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const shown = inOrder.slice(0, page.size);
  const goOnAfter = inOrder.length > page.size ? shown.at(-1)?.id : undefined;
  return done({
    value: shown.map((version) => versionItemJson(call, record, version)),
    nextLink: nextLink(call, page, "versions", goOnAfter),
  });
}

/** GET /deletedsecrets/{name}: only once the deletion is through. */
export function getDeletedSecret(call: Call): Answer {
  const found = call.vault.find(call.name, call.nowMs);
  if (found?.phase !== "deleted") return deletedSecretNotFound(call.name);
  return done(deletedBundleJson(call, found.record));
}

interface PageAsked {
  readonly kind: "page";
  readonly size: number;
  readonly cursor: string | undefined;
}

function readPage(call: Call, list: ListKind): PageAsked | Refusal {
  const size = readPageSize(call.query);
  if (typeof size !== "number") return size;
  const token = call.query.get("$skiptoken");
  if (token === null) return { kind: "page", size, cursor: undefined };
  const cursor = decodeSkipToken(list, token);
  return cursor === undefined ? badParameter("The skip token is not valid.") : { kind: "page", size, cursor };
}

function nextLink(call: Call, page: PageAsked, list: ListKind, goOnAfter: string | undefined): string | null {
  if (goOnAfter === undefined) return null;
  const path = list === "versions" ? `secrets/${call.name}/versions` : list;
  const version = encodeURIComponent(call.query.get("api-version") ?? "");
  const token = encodeSkipToken(list, goOnAfter);
  return `${call.linkOrigin}/${path}?api-version=${version}&$skiptoken=${token}&maxresults=${page.size}`;
}
