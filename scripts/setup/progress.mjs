// Owns: the set-up's lines for a person, all on stderr, because stdout belongs to the job.

const startedAt = Date.now();

/** @param {string} line */
export function progress(line) {
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1).padStart(5);
  process.stderr.write(`[set-up ${seconds} s] ${line}\n`);
}
