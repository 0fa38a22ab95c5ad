import { expect, test } from "vitest";
import { PieceSet } from "./piece-set.ts";
import { Peer } from "./peer.ts";

/** A peer whose messages are written down. */
function watched(held: PieceSet, slots = 2) {
  const said: string[] = [];
  const peer = new Peer({
    held,
    uploadSlots: slots,
    downloadSlots: slots,
    random: () => 0.999,
    actions: {
      announce: (piece) => void said.push(`announce ${piece}`),
      welcome: () => void said.push("welcome"),
      grant: (to, suggestion) => void said.push(`grant ${to}${suggestion === undefined ? "" : ` ${suggestion}`}`),
      request: (from, piece) => void said.push(`request ${from} ${piece}`),
      decline: (to, untilWelcome) => void said.push(`decline ${to}${untilWelcome ? " until welcome" : ""}`),
      cancel: (from, piece) => void said.push(`cancel ${from} ${piece}`),
    },
  });
  return { peer, said: () => said.splice(0) };
}

function pieces(...held: readonly number[]): PieceSet {
  const set = new PieceSet(4);
  for (const piece of held) set.add(piece);
  return set;
}

test("free upload slots are offered to the neighbours that lack most", () => {
  const { peer, said } = watched(pieces(0, 1));
  peer.addNeighbour({ id: 7, held: pieces(0, 1) });
  expect(said()).toEqual([]);
  peer.addNeighbour({ id: 8, held: pieces(0) });
  expect(said()).toEqual(["grant 8"]);
  peer.addNeighbour({ id: 9, held: pieces() });
  expect(said()).toEqual(["grant 9"]);
  peer.addNeighbour({ id: 10, held: pieces() });
  expect(said()).toEqual([]);
  peer.declined(8, false);
  expect(said()).toEqual(["grant 10"]);
});

test("an offer is used for the piece that fewest neighbours have", () => {
  const { peer, said } = watched(pieces());
  peer.addNeighbour({ id: 7, held: pieces(0, 1, 2) });
  peer.addNeighbour({ id: 8, held: pieces(0, 1) });
  peer.granted(7, undefined);
  expect(said()).toEqual(["request 7 2"]);
  peer.received(7, 2);
  expect(said()).toEqual(["announce 2", "grant 8"]);
});

test("what a seed suggests is taken, unless it is here or on its way", () => {
  const { peer, said } = watched(pieces());
  peer.addNeighbour({ id: 7, held: pieces(0, 1, 2, 3) });
  peer.granted(7, 3);
  peer.granted(7, 3);
  expect(said()).toEqual(["request 7 3", "request 7 0"]);
});

test("no more pieces are asked for at a time than there are slots", () => {
  const { peer, said } = watched(pieces());
  peer.addNeighbour({ id: 7, held: pieces(0, 1, 2, 3) });
  for (let i = 0; i < 3; i++) peer.granted(7, undefined);
  expect(said()).toEqual(["request 7 0", "request 7 1", "decline 7"]);
  peer.failed(7, 0);
  expect(said()).toEqual(["welcome"]);
  peer.granted(7, undefined);
  expect(said()).toEqual(["request 7 0"]);
});

test("what a neighbour was sending when it died is asked for elsewhere", () => {
  const { peer, said } = watched(pieces());
  peer.addNeighbour({ id: 7, held: pieces(3) });
  peer.addNeighbour({ id: 8, held: pieces(3) });
  peer.granted(7, undefined);
  peer.removeNeighbour(7);
  peer.granted(8, undefined);
  expect(said()).toEqual(["request 7 3", "welcome", "request 8 3"]);
});

test("in the endgame a piece is asked for twice at most, and the slower one is cancelled", () => {
  const { peer, said } = watched(pieces(0, 1, 2), 3);
  for (const id of [7, 8, 9]) peer.addNeighbour({ id, held: pieces(0, 1, 2, 3) });
  for (const id of [7, 8, 9]) peer.granted(id, undefined);
  expect(said()).toEqual(["request 7 3", "request 8 3", "decline 9"]);
  peer.received(8, 3);
  expect(said()).toEqual(["cancel 7 3", "announce 3"]);
});

test("a neighbour that went quiet keeps its offer, and its slot goes to another", () => {
  const { peer, said } = watched(pieces(0, 1), 1);
  for (const id of [7, 8, 9]) peer.addNeighbour({ id, held: pieces() });
  expect(said()).toEqual(["grant 7"]);
  peer.wentQuiet(7);
  peer.wentQuiet(7);
  expect(said()).toEqual(["grant 8"]);
  // It was only slow: one upload more than there are slots, until both have ended.
  peer.requested(7, 0);
  peer.uploaded(8);
  expect(said()).toEqual([]);
  peer.uploaded(7);
  expect(said()).toEqual(["grant 7"]);
});

test("a dead neighbour that went quiet gives its slot back once", () => {
  const { peer, said } = watched(pieces(0), 1);
  for (const id of [7, 8, 9, 10]) peer.addNeighbour({ id, held: pieces() });
  peer.wentQuiet(7);
  peer.removeNeighbour(7);
  expect(said()).toEqual(["grant 7", "grant 8"]);
  peer.uploaded(8);
  expect(said()).toHaveLength(1);
});

test("a seed serves one neighbour more than it has slots", () => {
  const { peer, said } = watched(pieces(0, 1, 2, 3), 1);
  for (const id of [7, 8, 9]) peer.addNeighbour({ id, held: pieces() });
  expect(said().map((line) => line.split(" ")[1])).toEqual(["7", "8"]);
});

test("a peer without upload slots offers nothing, whatever it holds and wherever its neighbours are", () => {
  const { peer, said } = watched(pieces(0, 1, 2, 3), 0);
  peer.addNeighbour({ id: 7, held: pieces() });
  peer.addNeighbour({ id: 8, held: pieces(), share: pieces(0) });
  expect(said()).toEqual([]);
});

test("over a slow line two pieces go at a time, and take no slot from the neighbours nearby", () => {
  const { peer, said } = watched(pieces(0, 1), 1);
  for (const id of [6, 7, 8]) peer.addNeighbour({ id, held: pieces(), share: pieces(0, 1, 2, 3) });
  for (const id of [9, 10]) peer.addNeighbour({ id, held: pieces(2, 3) });
  expect(said()).toEqual(["grant 6", "grant 7", "grant 9"]);
  peer.declined(7, false);
  expect(said()).toEqual(["grant 8"]);
  peer.addNeighbour({ id: 11, held: pieces(2, 3), share: pieces(2, 3) });
  peer.granted(9, undefined);
  peer.granted(11, undefined);
  peer.granted(11, undefined);
  expect(said()).toEqual(["request 9 2", "request 11 3", "decline 11"]);
});

test("a seed gives each piece once over its site's line, whatever it has given nearby, and to many at a time", () => {
  const { peer, said } = watched(pieces(0, 1, 2, 3), 1);
  peer.addNeighbour({ id: 5, held: pieces() });
  peer.requested(5, 0);
  for (const id of [6, 7, 8, 9]) peer.addNeighbour({ id, held: pieces(), share: pieces() });
  const [, ...far] = said().map((line) => line.split(" ").at(-1));
  expect(new Set(far)).toEqual(new Set(["0", "1", "2", "3"]));
});

test("what only a seed has is taken from it over a slow line, although a fellow gateway would fetch it", () => {
  const { peer, said } = watched(pieces());
  peer.addNeighbour({ id: 7, held: pieces(0, 1, 2, 3), share: pieces(0) });
  peer.addNeighbour({ id: 8, held: pieces(2), share: pieces(0) });
  peer.granted(7, 3);
  peer.granted(7, 2);
  expect(said()).toEqual(["request 7 3", "request 7 0"]);
});

test("what multicast will bring is not picked, until it is no longer expected", () => {
  const { peer, said } = watched(pieces());
  peer.addNeighbour({ id: 7, held: pieces(0, 1, 2, 3) });
  peer.setExpected(pieces(1, 2, 3));
  peer.granted(7, 1);
  peer.granted(7, 2);
  expect(said()).toEqual(["request 7 0", "decline 7 until welcome"]);
  peer.received(undefined, 1);
  peer.setExpected(pieces(3));
  peer.granted(7, 3);
  expect(said()).toEqual(["announce 1", "welcome", "request 7 2"]);
  peer.setExpected(undefined);
  peer.received(7, 0);
  peer.granted(7, undefined);
  expect(said()).toEqual(["welcome", "announce 0", "request 7 3"]);
});

test("what comes by multicast while a neighbour sends it is cancelled there", () => {
  const { peer, said } = watched(pieces());
  peer.addNeighbour({ id: 7, held: pieces(0, 1) });
  peer.granted(7, 1);
  peer.received(undefined, 1);
  expect(said()).toEqual(["request 7 1", "cancel 7 1", "announce 1"]);
});

test("a gateway takes its own share from another site, and when that is complete the rest, one at a time", () => {
  const { peer, said } = watched(pieces());
  peer.addNeighbour({ id: 7, held: pieces(0, 1, 2, 3), share: pieces(1) });
  peer.granted(7, undefined);
  peer.granted(7, undefined);
  expect(said()).toEqual(["request 7 1", "decline 7"]);
  peer.received(7, 1);
  peer.granted(7, undefined);
  peer.granted(7, undefined);
  expect(said()).toEqual(["announce 1", "request 7 0", "decline 7"]);
});

test("a neighbour that declined is offered again when it tells of progress, or when there is something new for it", () => {
  const { peer, said } = watched(pieces(0), 1);
  peer.addNeighbour({ id: 7, held: pieces() });
  peer.declined(7, false);
  expect(said()).toEqual(["grant 7"]);
  peer.neighbourHas(7, 3);
  expect(said()).toEqual(["grant 7"]);
  peer.declined(7, false);
  peer.neighbourWelcomes(7);
  expect(said()).toEqual(["grant 7"]);
  peer.declined(7, false);
  peer.received(8, 1);
  expect(said()).toEqual(["announce 1", "grant 7"]);
});

test("a peer whose pieces all come by multicast sends offers away until they are welcome", () => {
  const { peer, said } = watched(pieces(0));
  peer.setExpected(pieces(1, 2, 3));
  peer.addNeighbour({ id: 7, held: pieces(1, 2, 3) });
  peer.granted(7, undefined);
  expect(said()).toEqual(["grant 7", "decline 7 until welcome"]);
  peer.setExpected(pieces(1, 3));
  expect(said()).toEqual(["welcome"]);
  peer.granted(7, undefined);
  peer.granted(7, undefined);
  expect(said()).toEqual(["request 7 2", "decline 7 until welcome"]);
});

test("a neighbour that sends offers away is offered nothing, whatever comes here or there, until it welcomes them", () => {
  const { peer, said } = watched(pieces(0), 1);
  peer.addNeighbour({ id: 7, held: pieces() });
  peer.declined(7, true);
  expect(said()).toEqual(["grant 7"]);
  peer.neighbourHas(7, 3);
  peer.received(undefined, 1);
  expect(said()).toEqual(["announce 1"]);
  peer.neighbourWelcomes(7);
  expect(said()).toEqual(["grant 7"]);
});

test("a pair that works is kept, until another neighbour has fallen far behind", () => {
  const held = PieceSet.full(40);
  held.delete(39);
  const { peer, said } = watched(held, 1);
  const behind = (count: number): PieceSet => {
    const set = PieceSet.full(40);
    for (let piece = 0; piece < count; piece++) set.delete(piece);
    return set;
  };
  peer.addNeighbour({ id: 7, held: behind(20) });
  peer.addNeighbour({ id: 8, held: behind(29) });
  peer.uploaded(7);
  expect(said()).toEqual(["grant 7", "grant 7"]);
  peer.addNeighbour({ id: 9, held: behind(35) });
  peer.uploaded(7);
  expect(said()).toEqual(["grant 9"]);
});

test("what a stranger says changes nothing", () => {
  const { peer, said } = watched(pieces(0));
  peer.granted(99, undefined);
  peer.declined(99, false);
  peer.uploaded(99);
  peer.neighbourHas(99, 1);
  peer.neighbourWelcomes(99);
  peer.removeNeighbour(99);
  peer.failed(99, 2);
  expect(said()).toEqual([]);
});
