/** Whether a mount's path, with its namespace before it, matches one of the globs; `*` stands for any characters. */
export function matchesAny(globs: readonly string[], path: string): boolean {
  return globs.some((glob) => matches(glob.replace(/^\/|\/$/g, ""), path));
}

// Without a regular expression, so that no glob can make matching slow: pieces between stars are found in order.
function matches(glob: string, path: string): boolean {
  const pieces = glob.split("*");
  const first = pieces[0] ?? "";
  if (pieces.length === 1) return path === glob;
  const last = pieces.at(-1) ?? "";
  if (!path.startsWith(first) || !path.endsWith(last) || path.length < first.length + last.length)
    return false;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = path.indexOf(piece, at);
    if (found === -1 || found + piece.length > path.length - last.length) return false;
    at = found + piece.length;
  }
  return true;
}
