import { describe, expect, it } from "vitest";
import { INHERIT, settingsPatch } from "./settings-patch.ts";

const machine = { own: { plan: "local", image: { name: "debian13", version: 3 } } } as const;

describe("settingsPatch", () => {
  it("asks for nothing when nothing differs", () => {
    expect(settingsPatch(machine, {})).toEqual({});
    expect(settingsPatch(machine, { plan: "local", image: "debian13:3", mode: INHERIT })).toEqual({});
  });

  it("takes a setting away with null", () => {
    expect(settingsPatch(machine, { plan: INHERIT, image: INHERIT })).toEqual({ plan: null, image: null });
  });

  it("names only what was changed", () => {
    expect(settingsPatch(machine, { plan: "diskless", mode: "persistent" })).toEqual({
      plan: "diskless",
      mode: "persistent",
    });
  });
});
