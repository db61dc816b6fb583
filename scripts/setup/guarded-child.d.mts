export function signalFilter(now: () => number): (signal: string) => boolean;
