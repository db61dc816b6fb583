export function withMutex<T>(
  path: string,
  work: () => Promise<T>,
  options?: { onWait?: (owner: string) => void },
): Promise<T>;
