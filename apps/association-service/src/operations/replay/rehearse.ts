// Owns: what an operation would order, without ordering it: the same pure resolution as the resolver's, on the same
// facts. Nothing is published, no permit is claimed.

import { wishDigest } from "@keyferry/contracts";
import type { BusPort } from "../../ports.ts";
import { type Leave, resolve } from "../../resolve/resolve.ts";
import { type PairView, secretNameOf } from "../pairs.ts";

/** What would be done with a pair. */
export interface Rehearsal {
  readonly secret: string;
  readonly destination: string;
  readonly would: "sync" | "unsync" | "hold" | "ask" | "nothing";
  readonly why: string;
}

export interface RehearseOptions {
  readonly bus: Pick<BusPort, "events" | "commands" | "results">;
  readonly source: string;
  readonly epoch: () => number;
}

/** One pair. @throws KeyferryError `bus-*` */
export async function rehearse(options: RehearseOptions, pair: PairView): Promise<Rehearsal> {
  const { bus, source, epoch } = options;
  const { destination, secretKey, association } = pair;
  const last = await bus.commands.last(destination.uid, secretKey);
  const [state, record] = await Promise.all([
    bus.events.last(source, secretKey),
    bus.results.last(destination.uid, secretKey),
  ]);
  const tell = (would: Rehearsal["would"], why: string): Rehearsal => ({
    secret: secretNameOf(pair),
    destination: destination.name,
    would,
    why,
  });
  const resolution = resolve({
    secretKey,
    destination,
    association,
    // One that a rule makes is there as if it had been set.
    ruling: { kind: "none" },
    rulesSequence: Number.MAX_SAFE_INTEGER,
    state,
    last,
    record: record?.value,
    epoch: epoch(),
    orphanConfirmed: false,
  });
  switch (resolution.kind) {
    case "unknown":
      return tell("ask", "no state of it is known: the change-detector would be asked to look");
    case "behind":
      return tell("nothing", `not clear at the moment: ${resolution.why}`);
    case "none":
      return tell("nothing", resolution.why);
    case "wish": {
      const wish = wishDigest({ ...resolution.draft, permit: permitOf(resolution.leave) });
      if (last !== undefined && wishDigest(last.value) === wish) {
        return record?.value.outcome?.kind === "refused"
          ? tell(resolution.draft.op, "it was refused, and would be tried again")
          : tell("nothing", "its command asks for the same already");
      }
      if (resolution.leave.kind === "withheld") return tell("hold", "a delete that waits for a person");
      return tell(
        resolution.draft.op,
        last === undefined ? "it has no command" : "its command asks for something else",
      );
    }
  }
}

function permitOf(leave: Leave) {
  switch (leave.kind) {
    case "kept":
      return leave.permit;
    case "person":
      return { by: "person" as const };
    default:
      return null;
  }
}
