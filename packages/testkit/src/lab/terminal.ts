const escape = "\u001b";

/** CSI sequences (ECMA-48 §5.4), character set selections, other two-character escapes, and carriage returns. */
const control = new RegExp(`${escape}\\[[0-9;?=]*[@-~]|${escape}[()].|${escape}[^[(]|\\r`, "g");
const unfinishedAtEnd = new RegExp(`${escape}(?:\\[[0-9;?=]*|[()])?$`);

/** Removes control sequences of terminals and carriage returns; the second text is an unfinished sequence at the end. */
export function stripControlSequences(text: string): [plain: string, rest: string] {
  const rest = unfinishedAtEnd.exec(text)?.[0] ?? "";
  return [text.slice(0, text.length - rest.length).replaceAll(control, ""), rest];
}
