/** A value of LVM's metadata text. */
export type LvmValue = string | number | readonly (string | number)[] | LvmSection;

/** A section: values and sections by name, in the order of the text. */
export type LvmSection = ReadonlyMap<string, LvmValue>;

/** Deeper than any section of a volume group. */
const MAX_DEPTH = 8;
const TOKEN =
  /\s+|#[^\n]*|(?<name>[A-Za-z_][\w.+-]*)|(?<number>-?\d+)|"(?<text>(?:[^"\\]|\\.)*)"|(?<mark>[={}[\],])/suy;

type Token =
  | { readonly kind: "name" | "text" | "mark"; readonly value: string }
  | { readonly kind: "number"; readonly value: number };

/** Parses `name = value`, `name { … }`, numbers, texts, lists and comments (lvm2, libdm/libdm-config.c); undefined when it is anything else. */
export function parseLvmText(text: string): LvmSection | undefined {
  const tokens = tokensOf(text);
  return tokens && new Parser(tokens).section(0);
}

function tokensOf(text: string): Token[] | undefined {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    const groups = TOKEN.exec(text)?.groups;
    if (TOKEN.lastIndex === 0) return undefined;
    const { name, number, text: quoted, mark } = groups ?? {};
    if (name !== undefined) tokens.push({ kind: "name", value: name });
    else if (number !== undefined) tokens.push({ kind: "number", value: Number(number) });
    else if (quoted !== undefined) tokens.push({ kind: "text", value: quoted.replaceAll(/\\(.)/gsu, "$1") });
    else if (mark !== undefined) tokens.push({ kind: "mark", value: mark });
  }
  return tokens;
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** Up to its closing brace; the outermost one up to the end. A name MUST NOT stand twice in it. */
  section(depth: number): LvmSection | undefined {
    const values = new Map<string, LvmValue>();
    if (depth > MAX_DEPTH) return undefined;
    for (;;) {
      const token = this.#tokens[this.#at++];
      if (token === undefined) return depth === 0 ? values : undefined;
      if (token.kind === "mark" && token.value === "}") return depth > 0 ? values : undefined;
      if (token.kind !== "name" || values.has(token.value)) return undefined;
      const value = this.#isMark("{") ? this.section(depth + 1) : this.#isMark("=") ? this.#value() : undefined;
      if (value === undefined) return undefined;
      values.set(token.value, value);
    }
  }

  #value(): LvmValue | undefined {
    if (!this.#isMark("[")) return this.#single();
    const list: (string | number)[] = [];
    while (!this.#isMark("]")) {
      if (list.length > 0 && !this.#isMark(",")) return undefined;
      const value = this.#single();
      if (value === undefined) return undefined;
      list.push(value);
    }
    return list;
  }

  #single(): string | number | undefined {
    const token = this.#tokens[this.#at++];
    return token?.kind === "text" || token?.kind === "number" ? token.value : undefined;
  }

  /** Whether the next token is that mark; then it is taken. */
  #isMark(mark: string): boolean {
    const token = this.#tokens[this.#at];
    const isIt = token?.kind === "mark" && token.value === mark;
    if (isIt) this.#at += 1;
    return isIt;
  }
}
