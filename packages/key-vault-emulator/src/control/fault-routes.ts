// Owns: the control routes of faults.
import type { FaultHandle } from "../faults/rules.ts";
import type { ControlCall, ControlReply } from "./control-api.ts";
import { InputError, optionalNumber, readFaultRule } from "./input.ts";

export function listFaults({ parts }: ControlCall): ControlReply {
  return { status: 200, json: { faults: parts.faults.list() } };
}

/** A rule gives `{id}`. */
export function addFault({ parts, input }: ControlCall): ControlReply {
  return { status: 200, json: { id: parts.faults.add(readFaultRule(input)).id } };
}

export function clearFaults({ parts }: ControlCall): ControlReply {
  parts.faults.clear();
  return { status: 200, json: {} };
}

export function removeFault(call: ControlCall): ControlReply {
  find(call).remove();
  return { status: 200, json: {} };
}

/** `{calls?}`: lets calls that wait at a `hold` rule go on. */
export function releaseFault(call: ControlCall): ControlReply {
  find(call).release(optionalNumber(call.input, "calls", 0, 1_000_000));
  return { status: 200, json: {} };
}

function find({ parts, id }: ControlCall): FaultHandle {
  const handle = parts.faults.get(id);
  if (handle === undefined) throw new InputError("there is no such fault rule");
  return handle;
}
