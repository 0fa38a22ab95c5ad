import { expect, test } from "vitest";
import { stripControlSequences } from "./terminal.ts";

test("colours, cursor movements and carriage returns are removed", () => {
  expect(stripControlSequences("\u001b[2J\u001b[01;01H\u001b[?2004hlogin:\r\n\u001b(Bx")).toEqual(["login:\nx", ""]);
});

test("a sequence cut by a packet's end is kept for the next packet", () => {
  const [plain, rest] = stripControlSequences("abc\u001b[3");
  expect([plain, rest]).toEqual(["abc", "\u001b[3"]);
  expect(stripControlSequences(`${rest}1mdef`)).toEqual(["def", ""]);
});
