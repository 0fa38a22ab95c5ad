import type { AgentInventory, EnrolAnswer, Job } from "@ingot/api";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FakeAgent, taskIn } from "./fake-agent.ts";
import { ApiClient, type Harness, imageOf, openHarness, scriptFor } from "./harness.ts";

const UUID = "11111111-2222-4333-8444-555555555500";
const SERIAL = "SN-00";

let harness: Harness;
let api: ApiClient;

beforeEach(async () => {
  harness = await openHarness();
  api = new ApiClient(harness.api);
  await harness.control.images.add("a", imageOf(1));
});

afterEach(async () => {
  await harness.control.close();
  await harness.db.destroy();
  expect(harness.failures).toEqual([]);
});

/** A computer with the same UUID and serial number as all others here, and a network card of its own. */
class Computer extends FakeAgent {
  override readonly inventory: AgentInventory;
  readonly #mac: string;

  /** @param key the agent's: another one after each start. */
  constructor(card: number, key: number = card) {
    super(harness, card, key);
    this.#mac = `52:54:00:00:00:0${card}`;
    this.inventory = {
      system: "ram",
      agentVersion: "0.1.0",
      nics: [{ name: "eth0", mac: this.#mac, address: this.address }],
      disks: [],
      uuid: UUID,
      serial: SERIAL,
      firmware: "uefi-x64",
    };
  }

  /** Asks for its script. */
  boot(): Promise<string> {
    return scriptFor(harness.boot, `mac=${this.#mac}&uuid=${UUID}&serial=${SERIAL}`, this.address);
  }
}

const machine = "52:54:00:00:00:01";
const start = async (wish: object): Promise<Job> => (await api.send<Job>("POST", "/jobs", wish)).body;
const stateOf = async ({ id }: Job): Promise<string> => (await api.get<Job>(`/jobs/${id}`)).body.state;
const codeIn = (answer: EnrolAnswer): string | undefined => (answer.state === "enrolled" ? undefined : answer.code);

test("two that boot as one machine at once are told apart before either begins; a third is not let in either", async () => {
  const [one, two, three] = [new Computer(1), new Computer(2), new Computer(3)];
  await one.boot();
  const job = await start({ kind: "deploy", image: "a", to: [machine] });
  harness.clock.advance(2000);
  await two.boot();
  harness.clock.advance(30_000);
  expect(await one.enrol()).toMatchObject({ state: "refused", reason: "identity-clash", retryAfterSeconds: 5 });
  expect(await stateOf(job)).toBe("failed");
  const [failure] = await api.events("task.failed");
  expect(failure?.data).toMatchObject({ error: "identity-clash" });
  for (const other of [two, three]) {
    harness.clock.advance(2000);
    expect(await other.enrol()).toMatchObject({ state: "refused", reason: "identity-clash" });
  }
  expect((await api.machines()).total).toBe(1);
});

test("nothing begins before somebody has decided; then whoever was let in is not disturbed by the other one", async () => {
  const [one, two] = [new Computer(1), new Computer(2)];
  await one.boot();
  await two.boot();
  const clash = await one.enrol();
  const first = await start({ kind: "wipe", to: [machine] });
  await one.enrol();
  expect(await stateOf(first)).toBe("failed");
  expect((await two.enrol()).state).toBe("refused");
  await api.send("POST", "/agents/approve", { who: codeIn(clash) });
  expect((await one.enrol()).state).toBe("enrolled");
  const second = await start({ kind: "wipe", to: [machine] });
  expect((await two.enrol()).state).toBe("refused");
  expect(taskIn(await one.heartbeat())).toMatchObject({ kind: "wipe" });
  expect(await stateOf(second)).toBe("running");
});

test("one that starts again when the other one is off is let in", async () => {
  const [one, two] = [new Computer(1), new Computer(2)];
  await one.boot();
  await two.boot();
  expect((await one.enrol()).state).toBe("refused");
  harness.clock.advance(2 * 60_000);
  const reset = new Computer(1, 4);
  await reset.boot();
  expect((await reset.enrol()).state).toBe("enrolled");
});

test("where the second one is quicker it waits for the first, and neither begins", async () => {
  const [one, two] = [new Computer(1), new Computer(2)];
  await one.boot();
  await two.boot();
  const job = await start({ kind: "wipe", to: [machine] });
  harness.clock.advance(30_000);
  expect(await two.enrol()).toMatchObject({ state: "waiting", reason: "identity-check", retryAfterSeconds: 5 });
  harness.clock.advance(5000);
  expect(await one.enrol()).toMatchObject({ state: "refused", reason: "identity-clash" });
  expect(await stateOf(job)).toBe("failed");
  expect(await two.enrol()).toMatchObject({ state: "refused", reason: "identity-clash" });
});

test("a computer that was started with another card before is let in after two minutes", async () => {
  const [before, now] = [new Computer(1), new Computer(2)];
  await before.boot();
  await now.boot();
  expect(await now.enrol()).toMatchObject({ state: "waiting", reason: "identity-check" });
  harness.clock.advance(2 * 60_000);
  expect((await now.enrol()).state).toBe("enrolled");
});
