// Owns: reading and comparing version numbers as the servers print them. Pure.

/**
 * The first dotted number in what a server printed, e.g. `OpenBao v2.7.2 (9e0a…)` → `2.7.2`.
 * @param {string} printed
 * @returns {string | undefined}
 */
export function readVersion(printed) {
  return /(?:^|[\sv=/])(\d+\.\d+\.\d+)/u.exec(printed)?.[1];
}

/**
 * @param {string} version
 * @param {string} floor
 */
export function isAtLeast(version, floor) {
  const have = version.split(".").map(Number);
  const want = floor.split(".").map(Number);
  for (let index = 0; index < want.length; index += 1) {
    const difference = (have[index] ?? 0) - (want[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
