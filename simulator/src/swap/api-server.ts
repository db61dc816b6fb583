// In place of the association-service's gateway/server.ts: nothing listens.
export function createApiServer(): { close(): Promise<void> } {
  return { close: async () => undefined };
}

export async function listenOn(): Promise<{ host: string; port: number }> {
  return { host: "127.0.0.1", port: 8250 };
}
