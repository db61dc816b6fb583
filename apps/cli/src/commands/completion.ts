// Owns: `keyferry completion bash|zsh`: scripts made of the program itself, so that they can't fall behind it.

import { Argument, type Command } from "commander";
import { type Adder, examples } from "../command.ts";

/** Adds the command. */
export function addCompletion({ program }: Adder): void {
  program
    .command("completion")
    .description("Prints a script that completes keyferry's commands and options")
    .addArgument(new Argument("<shell>", "for which shell").choices(["bash", "zsh"]))
    .addHelpText(
      "after",
      examples(
        ["source <(keyferry completion bash)", "in this shell"],
        ['keyferry completion zsh > "${fpath[1]}/_keyferry"', "for every zsh to come"],
      ),
    )
    .action((shell: string, _options: unknown, command: Command) => {
      const root = command.parent ?? command;
      const text = shell === "bash" ? bashScript(root) : zshScript(root);
      root.configureOutput().writeOut?.(text);
    });
}

/** Words that may follow each command, by its path: `""`, `dlq`, `dlq list`. */
function wordsOf(command: Command, path = ""): (readonly [string, readonly string[]])[] {
  const children = command.commands.map((child) => child.name());
  const choices = command.registeredArguments.flatMap((argument) => argument.argChoices ?? []);
  const options = command.options.flatMap((option) => option.long ?? []);
  const own: readonly [string, readonly string[]] = [path, [...children, ...choices, ...options, "--help"]];
  return [
    own,
    ...command.commands.flatMap((child) =>
      wordsOf(child, path === "" ? child.name() : `${path} ${child.name()}`),
    ),
  ];
}

function casesOf(root: Command): string {
  const globals = root.options.flatMap((option) => option.long ?? []);
  return wordsOf(root)
    .map(
      ([path, words]) => `    "${path}") candidates="${[...new Set([...words, ...globals])].join(" ")}" ;;`,
    )
    .join("\n");
}

function bashScript(root: Command): string {
  const known = wordsOf(root)
    .map(([path]) => `|${path}`)
    .join("");
  return `# bash completion for keyferry
_keyferry() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" word candidates="" next i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    next="\${path:+$path }$word"
    case "${known}|" in *"|$next|"*) path="$next" ;; esac
  done
  case "$path" in
${casesOf(root)}
  esac
  COMPREPLY=($(compgen -W "$candidates" -- "$current"))
}
complete -o default -F _keyferry keyferry
`;
}

function zshScript(root: Command): string {
  const known = wordsOf(root)
    .map(([path]) => `|${path}`)
    .join("");
  return `#compdef keyferry
# zsh completion for keyferry
_keyferry() {
  local current_path="" word candidates="" next i known="${known}|"
  for ((i = 2; i < CURRENT; i++)); do
    word="\${words[i]}"
    next="\${current_path:+$current_path }$word"
    [[ "$known" == *"|$next|"* ]] && current_path="$next"
  done
  case "$current_path" in
${casesOf(root)}
  esac
  compadd -- \${=candidates}
}
compdef _keyferry keyferry
`;
}
