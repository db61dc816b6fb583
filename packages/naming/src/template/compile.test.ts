// Secret name templates: the documented results, what is refused and with which words, and that rendering any
// accepted template ends, within limits, with the same name each time.
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { compileTemplate, defaultTemplate, renderName } from "./compile.ts";
import { type NameVariables, nameVariables } from "./variables.ts";

// The documentation's own example (reference: vault-sync-api, section 3).
const variables = nameVariables({
  destination: { type: "azure-kv", name: "prod" },
  secret: {
    source: "main",
    namespace: "ns1/ns2",
    mount: "path/to/kv1",
    accessor: "kv_1234",
    path: "path/to/secret1",
  },
  secretKey: "foo",
});

function render(
  text: string,
  granularity: "secret-path" | "secret-key" = "secret-path",
  of: NameVariables = variables,
): string {
  const compiled = compileTemplate(text, { granularity });
  if (compiled.kind === "refused") return `refused: ${compiled.why}`;
  const rendered = renderName(compiled.template, of);
  return rendered.kind === "ok" ? rendered.name : `refused: ${rendered.why}`;
}

test.each([
  ["prefix-{{ .SecretPath }}", "prefix-path/to/secret1"],
  ["{{ .SecretBaseName | uppercase }}", "SECRET1"],
  ['{{ .SecretPath | replace "/" "_" }}', "path_to_secret1"],
  ["{{.DestinationType}}/{{.DestinationName}}", "azure-kv/prod"],
  ["{{ .NamespacePath }} {{ .NamespaceBaseName }}", "ns1/ns2 ns2"],
  ["{{ .MountPath }} {{ .MountBaseName }}", "path/to/kv1 kv1"],
  ["a {{- .MountAccessor -}} b", "akv_1234b"],
  ["a  {{/* why */}}  b", "a    b"],
  ["a  {{- /* why }} */ -}}  b", "ab"],
  ['{{ replace `/` "" .SecretPath }}', "pathtosecret1"],
  ['{{ (lowercase (uppercase "Ab")) }}', "ab"],
  ["{{ $x := .SecretPath | uppercase }}{{ $x = lowercase $x }}{{ $x | truncate 6 }}", "path/t"],
  ["{{ $.SecretPath }}", "path/to/secret1"],
  ['{{ "}}" }}\\{{ "a\\"b" }}', '}}\\a"b'],
  ['{{ "abc" | sha256 }}', "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  ['{{ "abc" | base64 }}', "YWJj"],
  ['{{ "abcdefgh" | truncate_sha256 9 }}', "abcdefgh"],
  ['{{ "ä€x" | truncate 4 }}', "ä"],
  ['{{ "a.b" | replace "." "$&" }}', "a$&b"],
])("the template %s gives %s", (text, name) => {
  expect(render(text)).toBe(name);
});

test("truncate_sha256 keeps the length and ends in eight characters of a hash of what it cut", () => {
  const name = render("{{ .SecretPath | truncate_sha256 12 }}");
  expect(name).toMatch(/^path[0-9a-f]{8}$/);
});

test("the default templates give the names of a real server", () => {
  const secret = { source: "main", namespace: "", mount: "kv", accessor: "kv_1234", path: "my-secret" };
  const of = nameVariables({ destination: { type: "azure-kv", name: "d" }, secret, secretKey: "user" });
  expect(render(defaultTemplate("secret-path"), "secret-path", of)).toBe("vault-kv-1234-my-secret");
  expect(render(defaultTemplate("secret-key"), "secret-key", of)).toBe("vault-kv-1234-my-secret-user");
});

test("under secret-key a template without the key is refused in the words of a real server", () => {
  expect(render("{{ .SecretPath }}", "secret-key")).toBe(
    "refused: secret name template is invalid: external name template should contain reference to the secret key",
  );
});

test("an unused variable that holds the key is reference enough", () => {
  expect(render("{{ $unused := .SecretKey }}{{ .SecretBaseName }}", "secret-key")).toBe("secret1");
});

test.each([
  ["", "it is empty"],
  ["{{.InvalidTemplate}}", "there is no variable '.InvalidTemplate', at character 3"],
  ["x{{ .SecretPath | shout }}", "there is no function 'shout', at character 19"],
  ["{{ uuid }}", "'uuid' would give another name each time and is not supported, at character 4"],
  ["{{ random 5 }}", "'random' would give another name each time and is not supported, at character 4"],
  ["{{ .SecretKey }}", "'.SecretKey' exists only with granularity secret-key, at character 4"],
  ["{{ if .SecretPath }}", "'if' is not supported, at character 4"],
  ["{{ printf `%s` .SecretPath }}", "there is no function 'printf', at character 4"],
  ["{{ $x }}", "'$x' is not declared, at character 4"],
  ["{{ $x = .SecretPath }}", "'$x' is not declared, at character 4"],
  ["{{ $x := $x }}", "'$x' is not declared, at character 10"],
  ["{{ .SecretPath", "a '{{' is not closed, at character 15"],
  ["{{ .SecretPath }", "unexpected '}', at character 16"],
  ["{{ (.SecretPath }}", "a ')' is missing, at character 17"],
  ["{{ }}", "a value or a function is missing before '}}', at character 4"],
  ["{{ . }}", "a value or a function is missing before '. }}', at character 4"],
  ["{{ .SecretPath | .SecretPath }}", "what follows a '|' is not a function, at character 18"],
  ["{{ .SecretPath .SecretPath }}", "unexpected '.SecretPath ', at character 16"],
  ["{{ replace `a` .SecretPath }}", "'replace' takes 3 arguments and got 2, at character 4"],
  ["{{ truncate `5` .SecretPath }}", "argument 1 of 'truncate' is not a number, at character 13"],
  ["{{ 5 }}", "a number is not a name, at character 4"],
  ['{{ "\\d" }}', "the escape '\\d' is not supported, at character 4"],
  ["{{ constructor .SecretPath }}", "there is no function 'constructor', at character 4"],
  ["{{ .SecretPath }}{{/* ", "a comment is not closed, at character 22"],
])("the template %s is refused: %s", (text, why) => {
  expect(render(text)).toBe(`refused: secret name template is invalid: ${why}`);
});

test("a template that doubles a text again and again is stopped", () => {
  const doubling = "{{ $a := .SecretPath }}" + '{{ $a = replace "" $a $a }}'.repeat(30) + "{{ $a }}";
  expect(render(doubling)).toContain("the template gives more than 65536 characters");
});

test("a variable that is unknown for the secret is refused at rendering, not put in as nothing", () => {
  expect(render("{{ .NamespaceID }}")).toBe(
    "refused: '.NamespaceID' is not known for this secret, at character 4",
  );
  const root = { source: "m", namespace: "", mount: "kv", accessor: "kv_1", path: "a" };
  const of = nameVariables({ destination: { type: "azure-kv", name: "d" }, secret: root });
  expect(render("{{ .NamespaceID }}", "secret-path", of)).toBe("root");
});

test("any text compiles or is refused with a reason, and what compiles renders the same twice", () => {
  const piece = fc.constantFrom(
    "{{",
    "}}",
    "{{-",
    "-}}",
    " ",
    ".SecretPath",
    ".SecretKey",
    "$x",
    ":=",
    "=",
    "|",
    "(",
    ")",
    '"a"',
    "`b`",
    "uppercase",
    "replace",
    "truncate",
    "3",
    "-",
    "/*",
    "*/",
    "x",
    "\\",
    '"',
    "é",
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 25 }),
      fc.constantFrom<"secret-path" | "secret-key">("secret-path", "secret-key"),
      (pieces, granularity) => {
        const first = render(pieces.join(""), granularity);
        expect(render(pieces.join(""), granularity)).toBe(first);
      },
    ),
    { numRuns: 2_000 },
  );
});
