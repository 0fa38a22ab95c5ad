import { expect, test } from "vitest";
import { BUSY_POLL_MICROSECONDS, BusyPoll } from "./busy-poll.ts";

/** An event loop whose turns and time are made by hand. */
function fakeLoop() {
  const loop = { nowMs: 0, pending: [] as (() => void)[] };
  const poll = new BusyPoll({ now: () => loop.nowMs, soon: (callback) => loop.pending.push(callback) });
  return {
    poll,
    get isAwake() {
      return loop.pending.length > 0;
    },
    turn(afterMicroseconds: number) {
      loop.nowMs += afterMicroseconds / 1000;
      for (const callback of loop.pending.splice(0)) callback();
    },
  };
}

const alice = {};
const bob = {};

test("the loop stays awake after the second answer in a row to an initiator, for as long as it asks again in time", () => {
  const loop = fakeLoop();
  loop.poll.answered(alice);
  expect(loop.isAwake).toBe(false);
  loop.poll.answered(alice);
  for (let i = 0; i < 10; i++) {
    loop.turn(BUSY_POLL_MICROSECONDS - 1);
    expect(loop.isAwake).toBe(true);
    loop.poll.answered(alice);
  }
  loop.turn(BUSY_POLL_MICROSECONDS + 1);
  expect(loop.isAwake).toBe(false);
});

test("initiators that take turns, and commands that come together, let the loop sleep", () => {
  const loop = fakeLoop();
  loop.poll.answered(alice);
  loop.poll.answered(bob);
  loop.poll.answered(alice);
  expect(loop.isAwake).toBe(false);
  loop.poll.answered(alice);
  expect(loop.isAwake).toBe(true);
  loop.poll.stop();
  loop.turn(1);
  expect(loop.isAwake).toBe(false);
});

test("polling that was in vain is tried ever more seldom, and as often as before once it pays again", () => {
  const loop = fakeLoop();
  const answersUntilAwake = (): number => {
    let answers = 0;
    while (!loop.isAwake) {
      loop.poll.answered(alice);
      answers++;
    }
    return answers;
  };
  const miss = (): void => loop.turn(BUSY_POLL_MICROSECONDS + 1);
  expect(answersUntilAwake()).toBe(2);
  miss();
  expect(answersUntilAwake()).toBe(3);
  miss();
  expect(answersUntilAwake()).toBe(5);
  for (let i = 0; i < 20; i++) {
    miss();
    answersUntilAwake();
  }
  miss();
  expect(answersUntilAwake()).toBe(1025);
  loop.poll.answered(alice);
  loop.turn(BUSY_POLL_MICROSECONDS + 1);
  expect(answersUntilAwake()).toBe(1);
});
