import { KeyferryError } from "@keyferry/errors";

/**
 * A path for a URL, encoded segment by segment: keys may hold spaces, `%`, `?`, `#`, `+` and any letter.
 * Throws `request-invalid` for what a server or proxy would read as another path (empty, `.` and `..` segments).
 */
export function encodePath(path: string): string {
  return path
    .split("/")
    .map((segment) => {
      if (!isAddressableSegment(segment)) {
        throw new KeyferryError("request-invalid", "A path has an empty, '.' or '..' segment", {
          segments: path.split("/").length,
        });
      }
      return encodeURIComponent(segment);
    })
    .join("/");
}

/** Whether a path can be asked for at all; old servers may hold keys that can't. */
export function isAddressable(path: string): boolean {
  return path.split("/").every(isAddressableSegment);
}

function isAddressableSegment(segment: string): boolean {
  // A lone surrogate has no UTF-8 form, so encodeURIComponent throws on it.
  return segment !== "" && segment !== "." && segment !== ".." && segment.isWellFormed();
}
