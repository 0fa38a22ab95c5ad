import { expect, test } from "vitest";
import { Mailboxes } from "./mailboxes.ts";

test("news are delivered once, in the order in which they came, alone or to all that have some", () => {
  const news = new Mailboxes(10);
  expect(news.isEmpty).toBe(true);
  news.put(4, 1, 100);
  news.put(2, 1, 100);
  news.put(4, 3, 101);
  const told: unknown[] = [];
  news.deliver(4, (from, piece) => told.push([from, piece]));
  expect(told).toEqual([
    [1, 100],
    [3, 101],
  ]);
  news.put(4, 5, 102);
  for (const to of news.takeReceivers()) news.deliver(to, (from, piece) => told.push([to, from, piece]));
  expect(told.slice(2)).toEqual([
    [4, 5, 102],
    [2, 1, 100],
  ]);
  expect(news.isEmpty).toBe(true);
  news.put(4, 6, 103);
  expect(news.takeReceivers()).toEqual([4]);
});
