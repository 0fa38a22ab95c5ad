import { parseIpv4, parseMac } from "@ingot/wire";
import { describe, expect, test } from "vitest";
import { agentScript } from "./agent-script.ts";
import type { AgentScriptInput } from "./agent-script.ts";
import { scriptUrl } from "./boot-server.ts";
import { disklessScript } from "./diskless-script.ts";
import type { DisklessScriptInput } from "./diskless-script.ts";
import { localScript } from "./local-script.ts";
import { menuScript } from "./menu-script.ts";
import type { MenuScriptInput } from "./menu-script.ts";
import { refusalScript } from "./refusal-script.ts";
import { handoverScript, replaceScript } from "./replace-script.ts";

const mac = parseMac("52:54:00:12:34:56");
const server = { address: parseIpv4("10.0.0.1"), httpPort: 8471 };
const HOSTILE = "evil\nshell\r|| && ; ${password} # \\";

const diskless: DisklessScriptInput = {
  mac,
  machineName: "room1-07",
  imageRef: "debian-lab:3",
  server,
  disk: { address: parseIpv4("10.0.0.1"), port: 3260, target: "iqn.2026-11.org.ingot:room1-07:boot3" },
  initiatorIqn: "iqn.2026-11.org.ingot:client:room1-07",
  diskIsOnLink: true,
};
const menu: MenuScriptInput = {
  mac,
  machineName: "room1-07",
  server,
  entries: [
    { imageRef: "debian-lab:3", title: "Debian for the lab" },
    { imageRef: "win11:7", title: "Windows 11" },
  ],
  defaultChoice: { image: "win11:7" },
  timeoutMs: 10_000,
};

const agent: AgentScriptInput = {
  mac,
  machineName: "room1-07",
  plan: "clone",
  server,
  agents: { url: "https://10.0.0.1:8472", pin: "5e".repeat(32) },
};

describe("diskless", () => {
  test("the whole script", () => {
    expect(disklessScript(diskless)).toMatchSnapshot();
  });

  test("with CHAP, iPXE asks for name and secret; none stands in the script", () => {
    expect(disklessScript({ ...diskless, chap: true })).toMatchSnapshot();
  });

  test("a disk behind a router keeps the gateway", () => {
    expect(disklessScript({ ...diskless, diskIsOnLink: false })).not.toContain("gateway");
  });

  test("machines pause differently, the same machine always alike", () => {
    const other = { ...diskless, mac: parseMac("52:54:00:12:34:57") };
    const pauses = (script: string): readonly string[] => script.match(/--timeout \d+/g) ?? [];
    expect(pauses(disklessScript(diskless))).toEqual(pauses(disklessScript(diskless)));
    expect(pauses(disklessScript(other))).not.toEqual(pauses(disklessScript(diskless)));
  });

  test("names are cleaned, a target or port that is none is refused", () => {
    const script = disklessScript({ ...diskless, machineName: HOSTILE, imageRef: HOSTILE });
    expect(script.split("\n").length).toBe(disklessScript(diskless).split("\n").length);
    expect(script).toContain("echo Ingot: evil shell ?? ?? ? ??password? ? ? boots evil shell");
    expect(() => disklessScript({ ...diskless, disk: { ...diskless.disk, target: HOSTILE } })).toThrow(
      expect.objectContaining({ code: "unsafe-value" }),
    );
    expect(() => disklessScript({ ...diskless, initiatorIqn: HOSTILE })).toThrow(
      expect.objectContaining({ code: "unsafe-value" }),
    );
    expect(() => disklessScript({ ...diskless, disk: { ...diskless.disk, port: 0 } })).toThrow(
      expect.objectContaining({ code: "invalid-port" }),
    );
  });
});

describe("menu", () => {
  test("the whole script", () => {
    expect(menuScript(menu)).toMatchSnapshot();
  });

  test("without images, shell and timeout, with the local disk as default", () => {
    expect(
      menuScript({ ...menu, entries: [], defaultChoice: "local", timeoutMs: 0, offerShell: false }),
    ).toMatchSnapshot();
  });

  test("a default that is not offered becomes the local disk", () => {
    expect(menuScript({ ...menu, defaultChoice: { image: "gone:1" } })).toContain("choose --default local ");
  });

  test("titles are cleaned, references are encoded", () => {
    const script = menuScript({ ...menu, entries: [{ imageRef: HOSTILE, title: HOSTILE }] });
    expect(script).toContain("item image0 evil shell ?? ?? ? ??password? ? ?\n");
    expect(script).toContain("&image=evil%0Ashell%0D%7C%7C%20%26%26%20%3B%20%24%7Bpassword%7D%20%23%20%5C ||");
  });

  test("no more entries than people scroll through", () => {
    const entries = Array.from({ length: 100 }, (_, i) => ({ imageRef: `i:${i}`, title: `Image ${i}` }));
    expect(menuScript({ ...menu, entries }).match(/^item image/gm)?.length).toBe(60);
  });

  test("a timeout that is no whole number of milliseconds is refused", () => {
    expect(() => menuScript({ ...menu, timeoutMs: -1 })).toThrow(expect.objectContaining({ code: "unsafe-value" }));
  });
});

describe("the agent's system", () => {
  test("the whole script", () => {
    expect(agentScript(agent)).toMatchSnapshot();
  });

  test.each(["capture", "verify", "wipe"] as const)("%s starts the same system", (plan) => {
    expect(agentScript({ ...agent, plan })).toBe(agentScript(agent).replace("for clone", `for ${plan}`));
  });

  test("rescue asks for a shell", () => {
    expect(agentScript({ ...agent, plan: "rescue" })).toBe(
      agentScript(agent).replace("for clone", "for rescue").replace(" BOOTIF", " ingot.rescue BOOTIF"),
    );
  });

  test("a server or pin that is none is refused, a name is cleaned", () => {
    for (const agents of [
      { ...agent.agents, url: HOSTILE },
      { ...agent.agents, url: "http://10.0.0.1:8472" },
      { ...agent.agents, url: "https://10.0.0.1:8472 init=/bin/sh" },
      { ...agent.agents, pin: HOSTILE },
      { ...agent.agents, pin: "" },
    ]) {
      expect(() => agentScript({ ...agent, agents })).toThrow(expect.objectContaining({ code: "unsafe-value" }));
    }
    const script = agentScript({ ...agent, machineName: HOSTILE });
    expect(script.split("\n").length).toBe(agentScript(agent).split("\n").length);
  });

  test("the kernel's command line fits the 2,048 bytes that Linux takes on x86", () => {
    const [line = ""] = agentScript({ ...agent, plan: "rescue" }).match(/^kernel .*/m) ?? [];
    expect(line.length).toBeLessThan(2048);
  });
});

test("the local disk", () => {
  expect(localScript({ machineName: "room1-07" })).toMatchSnapshot();
});

test("a machine that is not served", () => {
  expect(refusalScript({ mac, reason: "registration is closed" })).toMatchSnapshot();
});

test("replacing the ROM's iPXE", () => {
  expect(replaceScript({ mac, server })).toMatchSnapshot();
});

test("the hand-over in our iPXE", () => {
  expect(handoverScript({ mac, server })).toMatchSnapshot();
});

test("a script's URL has an image reference encoded and says when the last boot failed", () => {
  expect(scriptUrl(server, { mac, image: "a b:1&x=${y}", failed: true })).toMatch(
    /&image=a%20b%3A1%26x%3D%24%7By%7D&failed=1$/,
  );
});

test("every command is one that iPXE of 2019 has", () => {
  // From the command tables of iPXE 36a4c85f (2019-01-25), the commit that Debian 12 builds.
  const commands = new Set(
    "echo set clear inc sanboot prompt shell chain goto ifconf login menu item choose iseq isset exit kernel initrd boot imgfree".split(
      " ",
    ),
  );
  const scripts = [
    disklessScript({ ...diskless, chap: true }),
    agentScript(agent),
    menuScript(menu),
    localScript({ machineName: "a" }),
    refusalScript({ mac, reason: "b" }),
    replaceScript({ mac, server }),
    handoverScript({ mac, server }),
  ];
  for (const line of scripts
    .flatMap((script) => script.split("\n").slice(1))
    .filter((each) => each !== "" && !each.startsWith(":"))) {
    for (const part of line.split(/ (?:&&|\|\|)/)) {
      const [command] = part.trim().split(" ");
      expect(command === "" || commands.has(command ?? ""), line).toBe(true);
    }
  }
});
