import { type Mac, parseIpv4, parseMac, parseUuid } from "@ingot/wire";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Boots, OpenDisk } from "../src/index.ts";
import { MAX_PENDING_PRELUDES } from "../src/limits.ts";
import { Preludes } from "../src/prelude.ts";
import { answerOf, ApiClient, type Harness, imageOf, openHarness, scriptFor } from "./harness.ts";

type DhcpFacts = Parameters<Boots<OpenDisk>["answerDhcp"]>[0];

let harness: Harness;
let api: ApiClient;

beforeEach(async () => {
  harness = await openHarness();
  api = new ApiClient(harness.api);
});

afterEach(async () => {
  await harness.control.close();
  await harness.db.destroy();
  expect(harness.failures).toEqual([]);
});

const mac: Mac = parseMac("525400000001");

/** What x64 UEFI firmware says. */
function firmwareFacts(changes: Partial<DhcpFacts> = {}): DhcpFacts {
  return {
    mac,
    hardwareAddress: "525400000001",
    xid: 1,
    vendorClass: "PXEClient:Arch:00007:UNDI:003016",
    userClasses: [],
    architectures: [7],
    networkInterface: undefined,
    uuid: undefined,
    ipxeOptions: undefined,
    hostName: undefined,
    giaddr: undefined,
    ciaddr: undefined,
    leasedAddress: parseIpv4("10.0.0.50"),
    ...changes,
  };
}

const timeline = async (): Promise<[string, string | undefined][]> =>
  ((await api.machine("525400000001")).boot?.stages ?? []).map((entry) => [entry.stage, entry.detail]);

test("a machine that nobody knows gets its way to a script, and its first steps are in its timeline afterwards", async () => {
  expect(harness.control.boots.answerDhcp(firmwareFacts())).toMatchObject({
    kind: "answer",
    answer: { bootFile: "snponly.efi" },
  });
  harness.clock.advance(100);
  harness.control.boots.recordFile({ address: "10.0.0.50", protocol: "tftp", name: "snponly.efi" });
  harness.clock.advance(100);
  expect((await api.machines()).total).toBe(0);
  const step = harness.control.boots.answerDhcp(firmwareFacts({ userClasses: ["iPXE"] }));
  expect(step).toMatchObject({
    kind: "answer",
    answer: { bootFile: expect.stringContaining("http://10.0.0.1:8471/boot/script.ipxe?mac=52-54-00-00-00-01") },
  });
  await scriptFor(harness.boot, "mac=52-54-00-00-00-01&platform=efi&arch=x86_64");
  expect((await timeline()).map(([stage]) => stage)).toEqual(["dhcp", "tftp", "script"]);
});

test("the first steps of a known machine show while it takes them", async () => {
  await api.send("POST", "/machines", { macs: ["525400000001"] });
  harness.control.boots.answerDhcp(firmwareFacts());
  harness.control.boots.recordFile({ address: "10.0.0.50", protocol: "tftp", name: "snponly.efi" });
  expect(await timeline()).toEqual([
    ["dhcp", "snponly.efi by TFTP"],
    ["tftp", "snponly.efi"],
  ]);
  expect((await api.machine("525400000001")).state).toBe("booting");
});

test("quirks reach the DHCP answer", async () => {
  await api.send("POST", "/machines", { macs: ["525400000001"], quirks: { efiProgram: "ipxe", pxeStyle: "option43" } });
  expect(harness.control.boots.answerDhcp(firmwareFacts())).toMatchObject({
    answer: { bootFile: "ipxe.efi", style: "option43" },
  });
  await api.send("PATCH", "/machines/525400000001", { quirks: {} });
  expect(harness.control.boots.answerDhcp(firmwareFacts())).toMatchObject({
    answer: { bootFile: "snponly.efi", style: "port4011" },
  });
});

test("with registration closed, strangers get silence, and known machines behind a new dock an answer", async () => {
  const uuid = parseUuid("11111111-2222-3333-8444-555555555555");
  await api.send("POST", "/machines", { name: "laptop", macs: ["525400000009"], uuid });
  await api.send("PATCH", "/settings", { registration: "closed" });
  expect(harness.control.boots.answerDhcp(firmwareFacts())).toMatchObject({
    kind: "silence",
    reason: "registration-closed",
  });
  expect(harness.control.boots.answerDhcp(firmwareFacts({ uuid }))).toMatchObject({ kind: "answer" });
  expect(harness.control.boots.answerDhcp(firmwareFacts({ mac: parseMac("525400000009") }))).toMatchObject({
    kind: "answer",
  });
});

test("a machine that could not boot what it was told says so", async () => {
  await harness.control.images.add("a", imageOf(1));
  await api.send("POST", "/machines", { macs: ["525400000001"], plan: "diskless", image: "a" });
  await scriptFor(harness.boot, "mac=525400000001");
  await scriptFor(harness.boot, "mac=525400000001&failed=1");
  expect(await api.machine("525400000001")).toMatchObject({ state: "booting", boot: { bootId: 2 } });
  expect((await api.events("machine.failed"))[0]?.message).toContain("could not boot its disk");
});

test("a machine with a CHAP secret is asked for it on the screen, and the secret is in no script", async () => {
  await harness.control.images.add("a", imageOf(1));
  await api.send("POST", "/machines", {
    macs: ["525400000001"],
    plan: "diskless",
    image: "a",
    chap: { user: "u", secret: "do-not-tell-anybody" },
  });
  const script = await scriptFor(harness.boot, "mac=525400000001");
  expect(script).toContain("login ||");
  expect(script).not.toContain("do-not-tell");
});

test("the replace and hand-over scripts need no inventory", async () => {
  expect(await scriptFor(harness.boot, "mac=525400000001&stage=replace")).toContain("ipxe.lkrn");
  expect(await scriptFor(harness.boot, "mac=525400000001&stage=handover")).toContain("set user-class");
  expect((await api.machines()).total).toBe(0);
});

test.each([
  ["/boot/script.ipxe", 400],
  ["/boot/script.ipxe?mac=nonsense", 400],
  ["/boot/script.ipxe?mac=525400000001&stage=other", 400],
  ["/boot/other", 404],
])("%s is refused", async (path, status) => {
  expect((await harness.boot.request(path)).status).toBe(status);
});

test("boot files are passed on, with GET and HEAD only", async () => {
  expect(await (await harness.boot.request("/boot/files/snponly.efi")).text()).toBe("file /boot/files/snponly.efi");
  expect((await harness.boot.request("/boot/files/snponly.efi", { method: "HEAD" })).status).toBe(200);
  expect((await harness.boot.request("/boot/files/snponly.efi", { method: "PUT" })).status).toBe(404);
});

test.each<[string, string, string, number]>([
  ["by its MAC address, without a body", "?mac=52-54-00-00-00-01", "", 200],
  ["by its address", "", '{"state":"up","detail":"Debian 12","more":1}', 200],
  ["from nowhere", "?mac=525400000099", "", 404],
  ["with nonsense", "?mac=525400000001", "{", 400],
  ["with another state", "?mac=525400000001", '{"state":"fine"}', 400],
  ["with a book", "?mac=525400000001", JSON.stringify({ detail: "x".repeat(20_000) }), 413],
])("a report %s", async (_what, query, body, status) => {
  await scriptFor(harness.boot, "mac=525400000001", "10.0.0.50");
  const peerAddress = query === "" ? "::ffff:10.0.0.50" : "10.0.0.60";
  const answer = await answerOf(
    harness.boot.request(`/boot/report${query}`, { method: "POST", body }, { peerAddress }),
  );
  expect(answer.status).toBe(status);
  expect((await api.machine("525400000001")).state).toBe(status === 200 ? "up" : "new");
});

test("what is kept of machines that are never heard again is bounded", () => {
  const preludes = new Preludes();
  const fact = { kind: "dhcp", detail: "x" } as const;
  for (let count = 0; count < MAX_PENDING_PRELUDES + 10; count += 1)
    for (let times = 0; times < 20; times += 1) preludes.add(`mac ${count}`, fact, 0);
  expect(preludes.take(["mac 0"], 0)).toEqual([]);
  expect(preludes.take([`mac ${MAX_PENDING_PRELUDES}`], 0)).toHaveLength(8);
  expect(preludes.take([`mac ${MAX_PENDING_PRELUDES + 1}`], 6 * 60_000)).toEqual([]);
});
