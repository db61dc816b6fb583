// Owns: what each service is given: its sections without secrets, and its secrets apart, so that a configuration can be
// logged and a secret can't be.
import type { SecretValue } from "@keyferry/ports";
import type { ListenAddress } from "./fields.ts";
import type { Sections, ServiceSection } from "./resolve.ts";

type Without<T, K extends PropertyKey> = Omit<T, K>;

type Shared<S extends ServiceSection> = Pick<Sections<S>, "log" | "source"> & {
  readonly nats: Without<Sections<S>["nats"], "password">;
};

type DetectorSection = Sections<"changeDetector">["changeDetector"];

export type DetectorConfig = Shared<"changeDetector"> & {
  readonly changeDetector: Without<DetectorSection, "token" | "auth"> & {
    /** Absent: there is a token. */
    readonly auth?: Without<NonNullable<DetectorSection["auth"]>, "secretId">;
  };
};

export type AssociationConfig = Shared<"associationService"> & {
  readonly associationService: Without<Sections<"associationService">["associationService"], "token">;
};

type AzureSection = Sections<"azureSink">["azureSink"];

export type SinkConfig = Shared<"azureSink"> & {
  readonly redis: Without<Sections<"azureSink">["redis"], "url">;
  readonly azureSink: Without<AzureSection, "token" | "azure"> & {
    readonly azure: Without<AzureSection["azure"], "clientSecret">;
  };
};

export interface ServiceConfigs {
  readonly changeDetector: DetectorConfig;
  readonly associationService: AssociationConfig;
  readonly azureSink: SinkConfig;
}

interface SourceSecrets {
  /** The source's token. */
  readonly token: SecretValue;
  readonly natsPassword?: SecretValue;
}

export interface ServiceSecrets {
  readonly changeDetector: Without<SourceSecrets, "token"> & {
    /** Absent: the detector logs in. */
    readonly token?: SecretValue;
    readonly secretId?: SecretValue;
  };
  readonly associationService: SourceSecrets;
  readonly azureSink: SourceSecrets & {
    readonly redisUrl: SecretValue;
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
  changeDetector: ({ changeDetector: { token, auth: login, ...changeDetector }, ...rest }) => {
    const { shared, natsPassword } = splitShared(rest);
    const { auth, secretId } = splitLogin(login);
    return {
      listen: changeDetector.listen,
      config: { ...shared, changeDetector: { ...changeDetector, ...auth } },
      secrets: { ...(token === undefined ? {} : { token }), ...secretId, ...natsPassword },
    };
  },
  associationService: ({ associationService: { token, ...associationService }, ...rest }) => {
    const { shared, natsPassword } = splitShared(rest);
    return {
      listen: associationService.listen,
      config: { ...shared, associationService },
      secrets: { token, ...natsPassword },
    };
  },
  azureSink: ({
    azureSink: { token, azure: withSecret, ...azureSink },
    redis: { url, ...redis },
    ...rest
  }) => {
    const { shared, natsPassword } = splitShared(rest);
    const { clientSecret, ...azure } = withSecret;
    return {
      listen: azureSink.listen,
      config: { ...shared, redis, azureSink: { ...azureSink, azure } },
      secrets: {
        token,
        redisUrl: url,
        ...natsPassword,
        ...(clientSecret === undefined ? {} : { clientSecret }),
      },
    };
  },
};

function splitLogin(login: DetectorSection["auth"]) {
  if (login === undefined) return { auth: {}, secretId: {} };
  const { secretId, ...auth } = login;
  return { auth: { auth }, secretId: secretId === undefined ? {} : { secretId } };
}

function splitShared({
  log,
  source,
  nats: { password, ...nats },
}: Pick<Sections<ServiceSection>, "log" | "source" | "nats">) {
  return {
    shared: { log, source, nats },
    natsPassword: password === undefined ? {} : { natsPassword: password },
  };
}
