import { expect, test } from "vitest";
import { FrameDecoder } from "./frames.ts";
import { HaveLog } from "./have-log.ts";
import { MAX_HAVE_PIECES } from "./limits.ts";

function told(log: HaveLog, place: number): number[][] {
  const decoder = new FrameDecoder(5000);
  return log
    .framesFrom(place)
    .flatMap((frame) => decoder.push(frame))
    .map((message) => (message.type === "have" ? [...message.pieces] : []));
}

test("everybody is told of what came since it was last told", () => {
  const log = new HaveLog();
  log.add(7);
  const place = log.end;
  log.add(3);
  log.add(9);
  expect([told(log, 0), told(log, place), told(log, log.end)]).toEqual([[[7, 3, 9]], [[3, 9]], []]);
  log.add(1);
  expect(told(log, place)).toEqual([[3, 9, 1]]);
  expect(log.count(place, (piece) => piece > 2)).toBe(2);
});

test("neighbours at one place get the same frames, and long news come in several", () => {
  const log = new HaveLog();
  for (let piece = 0; piece < MAX_HAVE_PIECES + 5; piece++) log.add(piece);
  expect(log.framesFrom(0)).toBe(log.framesFrom(0));
  expect(told(log, 0).map(({ length }) => length)).toEqual([MAX_HAVE_PIECES, 5]);
});
