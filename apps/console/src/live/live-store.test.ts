import type { LiveMessage } from "@ingot/api";
import { describe, expect, it } from "vitest";
import { makeFleet, makeMachine } from "../../test/fake-fleet.ts";
import { ApiFailure } from "../request/api-failure.ts";
import { LiveStore } from "./live-store.ts";

const NOW = Date.parse("2026-11-22T08:00:00.000Z");

/** A store whose frames come when the test says so, and whose server answers when the test says so. */
function makeStore() {
  const frames: (() => void)[] = [];
  const answers: PromiseWithResolvers<void>[] = [];
  const fleet = makeFleet(NOW);
  let aheadMs = 0;
  let newServers = 0;
  const wait = async <Answer>(answer: Answer): Promise<Answer> => {
    const pending = Promise.withResolvers<void>();
    answers.push(pending);
    await pending.promise;
    return answer;
  };
  const store = new LiveStore({
    api: {
      machines: () => wait([makeMachine(NOW, { id: "m1", name: "pc-1", state: "booting" })]),
      groups: () => Promise.resolve([]),
      images: () => Promise.resolve([...fleet.images.values()]),
      disks: () => wait([]),
      sessions: () => wait([]),
      jobs: () => wait([]),
      tasks: () => wait([]),
      events: () => Promise.resolve([]),
      status: () => Promise.resolve(fleet.status),
    },
    clock: { setServerAheadMs: (value) => (aheadMs = value) },
    schedule: (run) => frames.push(run),
    time: () => NOW,
    onNewServer: () => (newServers += 1),
  });
  const settle = async (): Promise<void> => {
    // Lets everything go on that waits for nothing but promises.
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  };
  return {
    store,
    frame: () => frames.splice(0).forEach((run) => run()),
    answer: async (): Promise<void> => {
      answers.shift()?.resolve();
      await settle();
    },
    refuse: async (): Promise<void> => {
      answers.shift()?.reject(new ApiFailure("busy", "later"));
      await settle();
    },
    aheadMs: () => aheadMs,
    newServers: () => newServers,
  };
}

const hello = (version = "0.1.0"): LiveMessage => ({
  type: "hello",
  version,
  at: new Date(NOW + 5000).toISOString(),
  lastEventId: 9,
});
const up: LiveMessage = { type: "machine", machine: makeMachine(NOW, { id: "m1", name: "pc-1", state: "up" }) };

describe("LiveStore", () => {
  it("asks for the lists when the stream says hello, and sets its clock by the server's", async () => {
    const { store, answer, frame, aheadMs } = makeStore();
    store.receive(hello());
    expect(aheadMs()).toBe(5000);
    await answer();
    frame();
    expect(store.fleet().loaded).toBe(true);
    expect(store.fleet().machines.get("m1")?.state).toBe("booting");
  });

  it("never lets an answer that was under way hide a newer message", async () => {
    const { store, answer, frame } = makeStore();
    store.receive(hello());
    store.receive(up);
    frame();
    await answer();
    frame();
    expect(store.fleet().machines.get("m1")?.state).toBe("up");
  });

  it("holds messages back until the last of two lists that are under way came", async () => {
    const { store, answer, frame } = makeStore();
    store.receive(hello());
    store.wantDisks();
    store.receive(up);
    await answer();
    frame();
    expect(store.fleet().machines.get("m1")?.state).toBe("booting");
    await answer();
    frame();
    expect(store.fleet().machines.get("m1")?.state).toBe("up");
    expect(store.fleet().disksLoaded).toBe(true);
  });

  it("tells its listeners once a frame, however many messages came", async () => {
    const { store, answer, frame } = makeStore();
    store.receive(hello());
    await answer();
    frame();
    let told = 0;
    store.subscribe(() => (told += 1));
    for (let index = 0; index < 5000; index += 1) store.receive(up);
    expect(told).toBe(0);
    frame();
    expect(told).toBe(1);
  });

  it("keeps the reason when the lists cannot be had, and drops it when they came", async () => {
    const { store, answer, refuse, frame } = makeStore();
    store.receive(hello());
    await refuse();
    expect(store.failure()?.code).toBe("busy");
    expect(store.fleet().loaded).toBe(false);
    store.reload();
    await answer();
    frame();
    expect(store.failure()).toBeUndefined();
    expect(store.fleet().loaded).toBe(true);
  });

  it("asks for a new page when the server came back as another version", () => {
    const { store, newServers } = makeStore();
    store.receive(hello("0.1.0"));
    store.receive(hello("0.1.0"));
    expect(newServers()).toBe(0);
    store.receive(hello("0.2.0"));
    expect(newServers()).toBe(1);
  });
});
