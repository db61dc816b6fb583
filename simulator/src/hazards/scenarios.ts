// Owns: the list of the scenarios.
import { allStreamsLost } from "./all-streams-lost.ts";
import { blindFirstPut } from "./blind-first-put.ts";
import { bulkBlocksLiveKey } from "./bulk-blocks-live-key.ts";
import { crashBetweenPutAndRecord } from "./crash-between-put-and-record.ts";
import { deleteUndeleteDelete } from "./delete-undelete-delete.ts";
import { destinationDeleteVsSet } from "./destination-delete-vs-set.ts";
import { driftListRacesPut } from "./drift-list-races-put.ts";
import { fallbackThenUndelete } from "./fallback-then-undelete.ts";
import { heldThenAlive } from "./held-then-alive.ts";
import { incarnationCannotBeOrdered } from "./incarnation-cannot-be-ordered.ts";
import { intentClockSkew } from "./intent-clock-skew.ts";
import { jitterAtTheCeiling } from "./jitter-at-the-ceiling.ts";
import { lateDeleteAfterLock } from "./late-delete-after-lock.ts";
import { latePutAfterLock } from "./late-put-after-lock.ts";
import { laterSetLost } from "./later-set-lost.ts";
import { liveAndBulkPending } from "./live-and-bulk-pending.ts";
import { lostCommand } from "./lost-command.ts";
import { massDelete } from "./mass-delete.ts";
import { mountReenabled } from "./mount-reenabled.ts";
import { nameCollision } from "./name-collision.ts";
import { noStateIsNotGone } from "./no-state-is-not-gone.ts";
import { oneDiffManyKinds } from "./one-diff-many-kinds.ts";
import { permissionGrantedLater } from "./permission-granted-later.ts";
import { purgedAndRemade } from "./purged-and-remade.ts";
import { recoverThenCrash } from "./recover-then-crash.ts";
import { recreatedDestinationSameVault } from "./recreated-destination-same-vault.ts";
import { redeliveredEvent } from "./redelivered-event.ts";
import { redisAheadOfJetstream } from "./redis-ahead-of-jetstream.ts";
import { redisAway } from "./redis-away.ts";
import { redisFailoverStaleRecord } from "./redis-failover-stale-record.ts";
import { redisFlushMidRun } from "./redis-flush-mid-run.ts";
import { regressionByStaleRead } from "./regression-by-stale-read.ts";
import { removeRacesEvent } from "./remove-races-event.ts";
import { sameNameOtherDestination } from "./same-name-other-destination.ts";
import { secretKeyHalfDone } from "./secret-key-half-done.ts";
import { settleChurn } from "./settle-churn.ts";
import { staleAssociationRead } from "./stale-association-read.ts";
import { staleSweepPage } from "./stale-sweep-page.ts";
import { standbyOneBehind } from "./standby-one-behind.ts";
import { tailLost } from "./tail-lost.ts";
import { trickleDelete } from "./trickle-delete.ts";
import { twoDetectorsOnePaused } from "./two-detectors-one-paused.ts";
import { unsyncMeetsNewerLive } from "./unsync-meets-newer-live.ts";
import { valueReadBeforeToken } from "./value-read-before-token.ts";
import { wrongCluster } from "./wrong-cluster.ts";
import type { Scenario } from "./scenario.ts";

export const SCENARIOS: readonly Scenario[] = [
  allStreamsLost,
  blindFirstPut,
  bulkBlocksLiveKey,
  crashBetweenPutAndRecord,
  deleteUndeleteDelete,
  destinationDeleteVsSet,
  driftListRacesPut,
  fallbackThenUndelete,
  heldThenAlive,
  incarnationCannotBeOrdered,
  intentClockSkew,
  jitterAtTheCeiling,
  lateDeleteAfterLock,
  latePutAfterLock,
  laterSetLost,
  liveAndBulkPending,
  lostCommand,
  massDelete,
  mountReenabled,
  nameCollision,
  noStateIsNotGone,
  oneDiffManyKinds,
  permissionGrantedLater,
  purgedAndRemade,
  recoverThenCrash,
  recreatedDestinationSameVault,
  redeliveredEvent,
  redisAheadOfJetstream,
  redisAway,
  redisFailoverStaleRecord,
  redisFlushMidRun,
  regressionByStaleRead,
  removeRacesEvent,
  sameNameOtherDestination,
  secretKeyHalfDone,
  settleChurn,
  staleAssociationRead,
  staleSweepPage,
  standbyOneBehind,
  tailLost,
  trickleDelete,
  twoDetectorsOnePaused,
  unsyncMeetsNewerLive,
  valueReadBeforeToken,
  wrongCluster,
];
