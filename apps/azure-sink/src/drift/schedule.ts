import type { DriftReport, DriftRequest } from "@keyferry/contracts";
import type { Asked } from "./report.ts";

// Pure: when which look is due.

/** The look that is due now, if one is: what a person asked for goes before the interval. */
export function dueLook(
  destination: { readonly uid: string; readonly createdAt: string },
  request: DriftRequest | undefined,
  report: DriftReport | undefined,
  options: { readonly intervalMs: number; readonly nowMs: number },
): Asked | undefined {
  const { uid } = destination;
  if (request !== undefined && (report?.requestedAt ?? "") < request.requestedAt) {
    const { mode, requestedAt, collect, evenIfMany } = request;
    return {
      destination: uid,
      mode,
      requestedAt,
      ...(collect === undefined ? {} : { collect }),
      ...(evenIfMany === undefined ? {} : { evenIfMany }),
    };
  }
  const since = Date.parse(report?.startedAt ?? destination.createdAt);
  // A time that can't be read is as good as none.
  if (since + options.intervalMs > options.nowMs) return undefined;
  return { destination: uid, mode: "repair", requestedAt: null };
}

/** A report as it is stored: a look by the interval keeps the last request's time, or it would be answered twice. */
export function storedReport(report: DriftReport, before: DriftReport | undefined): DriftReport {
  return { ...report, requestedAt: report.requestedAt ?? before?.requestedAt ?? null };
}
