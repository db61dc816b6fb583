// Owns: what the command's exit codes mean; docs/cli.md and `keyferry --help` print this table.

export const EXIT = {
  done: 0,
  findings: 1,
  usage: 2,
  denied: 3,
  absent: 4,
  away: 5,
  refused: 6,
  unfinished: 7,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_MEANINGS: readonly (readonly [ExitCode, string])[] = [
  [EXIT.done, "done"],
  [
    EXIT.findings,
    "done, and something was found that a person should see to (doctor, drift, orphans, held, adopt, a plan with refusals)",
  ],
  [EXIT.usage, "the command line is wrong; nothing was asked"],
  [EXIT.denied, "the token is missing or its policies do not allow it"],
  [EXIT.absent, "there is no such thing"],
  [EXIT.away, "a part is down or not reachable; the message says which"],
  [EXIT.refused, "the request was refused as it stands"],
  [EXIT.unfinished, "long work ended with failures, was cancelled, or did not end in time"],
  [EXIT.interrupted, "Ctrl-C; work that the server does goes on"],
];
