export { type EventuallyOptions, eventually } from "./eventually.ts";
export { Canary, type CanaryFinding } from "./canary.ts";
export { canListen, freePort } from "./free-port.ts";
export { isAlive } from "./process-alive.ts";
export { PortTakenError, Server } from "./servers/server.ts";
export { type OpenBaoOptions, OpenBaoServer, startOpenBao } from "./servers/openbao.ts";
export { type NatsOptions, NatsServer, startNats } from "./servers/nats.ts";
export { natsRequest } from "./nats-request.ts";
export { NatsCluster, type NatsClusterOptions, startNatsCluster } from "./servers/nats-cluster.ts";
export { type RedisOptions, RedisServer, startRedis } from "./servers/redis.ts";
export { type NginxOptions, NginxServer, startNginx } from "./servers/nginx.ts";
export {
  KeyVaultProcess,
  type KeyVaultProcessOptions,
  startKeyVault,
  startKeyVaultProcess,
} from "./servers/key-vault.ts";
export { type CollectedSpan, startTraceCollector, type TraceCollector } from "./servers/trace-collector.ts";
export { Service, type ServiceOptions, startService } from "./servers/service.ts";
export {
  SERVICE_NAMES,
  type ServiceName,
  Stack,
  STACK_MOUNT,
  type StackOptions,
  startStack,
} from "./stack/stack.ts";
export { VaultApi, type VaultAnswer } from "./stack/vault-api.ts";
