// Owns: what each service is given: its sections without secrets, and its secrets apart, so that a configuration can be
// logged and a secret can't be.
import type { SecretValue } from "@keyferry/ports";
import type { ListenAddress } from "./fields.ts";
import type { Sections, ServiceSection } from "./resolve.ts";

type Without<T, K extends PropertyKey> = Omit<T, K>;

type Shared<S extends ServiceSection> = Pick<Sections<S>, "log" | "traces" | "source"> & {
  readonly nats: Without<Sections<S>["nats"], "password">;
};

type DetectorSection = Sections<"changeDetector">["changeDetector"];

/** How a service logs in at the source; absent: there is a token. */
interface WithLogin {
  readonly auth?: Without<NonNullable<DetectorSection["auth"]>, "secretId">;
}

export type DetectorConfig = Shared<"changeDetector"> & {
  readonly changeDetector: Without<DetectorSection, "token" | "auth" | "hints"> &
    WithLogin & {
      readonly hints: Without<DetectorSection["hints"], "manual"> & {
        readonly manual?: Without<NonNullable<DetectorSection["hints"]["manual"]>, "token">;
      };
    };
};

type AssociationSection = Sections<"associationService">["associationService"];

export type AssociationConfig = Shared<"associationService"> & {
  readonly associationService: Without<AssociationSection, "token" | "auth"> & WithLogin;
};

type AzureSection = Sections<"azureSink">["azureSink"];

export type SinkConfig = Shared<"azureSink"> & {
  readonly redis: Without<Sections<"azureSink">["redis"], "url" | "sentinelPassword">;
  readonly azureSink: Without<AzureSection, "token" | "auth" | "azure"> &
    WithLogin & { readonly azure: Without<AzureSection["azure"], "clientSecret"> };
};

export interface ServiceConfigs {
  readonly changeDetector: DetectorConfig;
  readonly associationService: AssociationConfig;
  readonly azureSink: SinkConfig;
}

interface SourceSecrets {
  /** The source's token. Absent: the service logs in. */
  readonly token?: SecretValue;
  /** Of a login by AppRole. */
  readonly secretId?: SecretValue;
  readonly natsPassword?: SecretValue;
}

export interface ServiceSecrets {
  readonly changeDetector: SourceSecrets & {
    /** What a caller with hints of their own has to send. */
    readonly hintToken?: SecretValue;
  };
  readonly associationService: SourceSecrets;
  readonly azureSink: SourceSecrets & {
    readonly redisUrl: SecretValue;
    readonly sentinelPassword?: SecretValue;
    readonly clientSecret?: SecretValue;
  };
}

/** One service's configuration, and its secrets. */
export interface Split<S extends ServiceSection> {
  /** Where the probes listen: the one key that every service's section has. */
  readonly listen: ListenAddress;
  readonly config: ServiceConfigs[S];
  readonly secrets: ServiceSecrets[S];
}

/** For each service, how its secrets are parted from the rest. */
export const SPLIT: { readonly [S in ServiceSection]: (sections: Sections<S>) => Split<S> } = {
  changeDetector: ({ changeDetector: section, ...rest }) => {
    const { shared, natsPassword } = splitShared(rest);
    const { login, rest: withHints, auth } = splitLogin(section);
    const { hints: withToken, ...changeDetector } = withHints;
    const { hints, hintToken } = splitHints(withToken);
    return {
      listen: changeDetector.listen,
      config: { ...shared, changeDetector: { ...changeDetector, hints, ...auth } },
      secrets: { ...login, ...hintToken, ...natsPassword },
    };
  },
  associationService: ({ associationService: section, ...rest }) => {
    const { shared, natsPassword } = splitShared(rest);
    const { login, rest: associationService, auth } = splitLogin(section);
    return {
      listen: associationService.listen,
      config: { ...shared, associationService: { ...associationService, ...auth } },
      secrets: { ...login, ...natsPassword },
    };
  },
  azureSink: ({ azureSink: section, redis: { url, sentinelPassword, ...redis }, ...rest }) => {
    const { shared, natsPassword } = splitShared(rest);
    const { login, rest: withAzure, auth } = splitLogin(section);
    const { azure: withSecret, ...azureSink } = withAzure;
    const { clientSecret, ...azure } = withSecret;
    return {
      listen: azureSink.listen,
      config: { ...shared, redis, azureSink: { ...azureSink, azure, ...auth } },
      secrets: {
        ...login,
        redisUrl: url,
        ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
        ...natsPassword,
        ...(clientSecret === undefined ? {} : { clientSecret }),
      },
    };
  },
};

type Auth = NonNullable<DetectorSection["auth"]>;

/** Parts a section's token and its login's secret id from the rest. */
function splitLogin<S extends { readonly token?: SecretValue; readonly auth?: Auth }>(section: S) {
  const { token, auth: withSecret, ...rest } = section;
  const held = token === undefined ? {} : { token };
  if (withSecret === undefined) return { login: held, auth: {}, rest };
  const { secretId, ...auth } = withSecret;
  return { login: { ...held, ...(secretId === undefined ? {} : { secretId }) }, auth: { auth }, rest };
}

function splitHints({ manual, ...hints }: DetectorSection["hints"]) {
  if (manual === undefined) return { hints, hintToken: {} };
  const { token, ...rest } = manual;
  return {
    hints: { ...hints, manual: rest },
    hintToken: token === undefined ? {} : { hintToken: token },
  };
}

function splitShared({
  log,
  traces,
  source,
  nats: { password, ...nats },
}: Pick<Sections<ServiceSection>, "log" | "traces" | "source" | "nats">) {
  return {
    shared: { log, traces, source, nats },
    natsPassword: password === undefined ? {} : { natsPassword: password },
  };
}
