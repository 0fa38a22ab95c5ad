import { expect, test } from "vitest";
import { Transcript } from "./transcript.ts";

test("a wait finds text that came before it, and only once", async () => {
  const transcript = new Transcript("console");
  transcript.append("login: \n");
  expect((await transcript.waitFor("login:")).start).toBe(0);
  const second = transcript.waitFor("login:");
  transcript.append("password\nlogin: ");
  expect((await second).start).toBe(17);
});

test("a pattern split between two packets is found, with its groups", async () => {
  const transcript = new Transcript("console");
  const wait = transcript.waitFor(/status (\d+)\n/);
  transcript.append("stat");
  transcript.append("us 12\n");
  expect((await wait).groups[1]).toBe("12");
});

test("a wait that cannot succeed any more says why and shows the last text", async () => {
  const transcript = new Transcript("console");
  transcript.append("Kernel panic");
  const late = transcript.waitFor("login:", { timeoutMs: 1 });
  await expect(late).rejects.toMatchObject({ code: "timeout" });
  await expect(late).rejects.toThrow(/Kernel panic/);
  const cut = transcript.waitFor("login:");
  transcript.end("ended with status 1");
  await expect(cut).rejects.toMatchObject({ code: "ended" });
  await expect(transcript.waitFor("login:")).rejects.toMatchObject({ code: "ended" });
});

test("a signal ends a wait with its reason", async () => {
  const controller = new AbortController();
  const wait = new Transcript("console").waitFor("login:", { signal: controller.signal });
  controller.abort(new Error("enough"));
  await expect(wait).rejects.toThrow("enough");
});
