import type { View } from "@keyferry/bus";
import type { AssociationRecord, Uid } from "@keyferry/contracts";
import type { AssociationDirectory } from "../ports.ts";

/** Answers from the view of the associations' bucket, after it has caught up; asked for name conflicts only. */
export function createAssociationDirectory(view: View<AssociationRecord>): AssociationDirectory {
  return {
    async isKnown(association: Uid) {
      await view.caughtUp();
      for (const [, { value }] of view.entries()) if (value.uid === association) return true;
      return false;
    },
  };
}
