// Owns: from a request's target to the path that is authorised. Pure.

/** `/v1/sys/sync/x/?list=true` → `sys/sync/x`: decoded, without `v1/`, query and slashes at its end. */
export function pathOfRequest(url: string): string {
  const [raw = ""] = url.split("?");
  const path = decodePath(raw).replace(/^\/v1\//, "");
  return path.replace(/\/+$/, "");
}

// The router has refused what can't be decoded before.
function decodePath(raw: string): string {
  try {
    return decodeURIComponent(raw);
  } catch {
    return raw;
  }
}
