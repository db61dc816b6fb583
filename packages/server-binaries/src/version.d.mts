export function readVersion(printed: string): string | undefined;
export function isAtLeast(version: string, floor: string): boolean;
