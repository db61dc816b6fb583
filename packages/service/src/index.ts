export {
  formatListenAddress,
  type ListenAddress,
  parseListenAddress,
  type SocketAddress,
} from "./config/fields.ts";
export {
  type ConfigOrigin,
  loadAssociationConfig,
  loadConfig,
  loadDetectorConfig,
  type LoadedConfig,
  loadSinkConfig,
} from "./config/load.ts";
export type { ServiceSection } from "./config/resolve.ts";
export type {
  AssociationConfig,
  DetectorConfig,
  ServiceConfigs,
  ServiceSecrets,
  SinkConfig,
} from "./config/services.ts";
export { editorSchema, renderConfigurationPage } from "./config/reference.ts";
export { listenOn } from "./health/health-server.ts";
export type { Readiness, ReadinessCheck } from "./health/readiness.ts";
export { createLogger, type LoggerOptions, type LogLevel } from "./log/logger.ts";
export {
  type CounterMetric,
  createMetrics,
  type GaugeMetric,
  type HistogramMetric,
  LATENCY_BUCKETS_S,
  type MetricFacts,
  type Metrics,
} from "./metrics/metrics.ts";
export type { Close } from "./run/closers.ts";
export type { ServiceContext, ServiceDefinition } from "./run/context.ts";
export { runService } from "./run/run-service.ts";
export { VERSION } from "./version.ts";
