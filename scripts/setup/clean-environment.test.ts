import { expect, test } from "vitest";
import { cleanEnvironment } from "./clean-environment.mjs";

test("what npm set for its script is dropped, and what a person set for npm is kept", () => {
  const env = {
    PATH: "/usr/bin",
    HOME: "/home/me",
    INIT_CWD: "/somewhere",
    npm_config_local_prefix: "/clone",
    npm_config_omit: "dev",
    NPM_CONFIG_DRY_RUN: "true",
    npm_config_cafile: "/etc/ca.pem",
    npm_config_registry: "http://mirror",
    npm_package_name: "keyferry",
    npm_lifecycle_event: "start",
  };
  expect(cleanEnvironment(env, ["/node24/bin"])).toEqual({
    PATH: "/node24/bin:/usr/bin",
    HOME: "/home/me",
    INIT_CWD: "/somewhere",
    npm_config_cafile: "/etc/ca.pem",
    npm_config_registry: "http://mirror",
  });
});
