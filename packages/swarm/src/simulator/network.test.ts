import { expect, test } from "vitest";
import { EventQueue } from "./event-queue.ts";
import { type Link, SimulatedNetwork, type Transfer } from "./network.ts";

const FIRST_ID = 5;

/** A network and its time, with a log of when which piece arrived. */
function network() {
  const events = new EventQueue(0);
  const links = new SimulatedNetwork(events, FIRST_ID);
  const done: (readonly [piece: number, at: number])[] = [];
  return {
    links,
    start: (path: readonly Link[], bytes: number, piece: number): Transfer =>
      links.start(0, path, bytes, { from: 1, to: 2, piece }),
    /** Runs up to `until`, and says what was done. */
    run: (until = Infinity) => {
      events.setDeadline(0, until);
      while (events.pop() && events.a !== 0) {
        const transfer = links.transfer(events.a) as Transfer;
        links.end(events.time, transfer);
        done.push([transfer.piece, events.time]);
      }
      return done;
    },
  };
}

test("a transfer takes its bytes over the rate of its narrowest link", () => {
  const { links, start, run } = network();
  start([links.link(100), links.link(50)], 1000, 7);
  expect(run()).toEqual([[7, 20]]);
});

test("transfers share a link equally, and the one that stays longer gets it all afterwards", () => {
  const { links, start, run } = network();
  const link = links.link(100);
  start([link], 1000, 1);
  start([link], 500, 2);
  expect(run()).toEqual([
    [2, 10],
    [1, 15],
  ]);
});

test("what another link holds below its share leaves the rest to the others", () => {
  const { links, start, run } = network();
  const link = links.link(100);
  start([link, links.link(10)], 100, 1);
  start([link], 900, 2);
  expect(run()).toEqual([
    [1, 10],
    [2, 10],
  ]);
});

test("a transfer that is ended early is never done and leaves its share to others", () => {
  const { links, start, run } = network();
  const link = links.link(100);
  const stopped = start([link], 1000, 1);
  start([link], 1000, 2);
  run(10);
  links.end(10, stopped);
  expect(run()).toEqual([[2, 15]]);
  expect(links.transfer(stopped.id)).toBeUndefined();
});
