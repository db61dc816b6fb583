// Owns: paths with a slash too many between their parts. Vault redirects them to the clean ones, which its clients
// follow; so does this server, so that no path is authorised in one spelling and served in another.

import type { FastifyReply, FastifyRequest } from "fastify";

const TEMPORARY_REDIRECT = 307; // method and body stay (measured on OpenBao 2.7)

/** Answers with a redirect if the path has a double slash; false: it has none. */
export function redirectToClean(request: FastifyRequest, reply: FastifyReply): boolean {
  const clean = cleanPath(request.url);
  if (clean === undefined) return false;
  void reply.code(TEMPORARY_REDIRECT).header("location", clean).send();
  return true;
}

/** The path and query with single slashes, relative to this server; undefined if they are single already. Pure. */
export function cleanPath(url: string): string | undefined {
  const [path = "", ...query] = url.split("?");
  if (!path.includes("//")) return undefined;
  return [path.replace(/\/{2,}/g, "/"), ...query].join("?");
}
