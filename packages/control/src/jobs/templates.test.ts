import { expect, test } from "vitest";
import { contentFor, hostNameFor } from "./templates.ts";

const machine = {
  row: { id: "m1", name: "room3-pc-017", uuid: null, serial: 'R&D "7"', group_name: "room-3", site: null },
  macs: ["52:54:00:00:00:01"],
};
const content = (path: string, template: string, hostName?: string): string =>
  contentFor(machine, { path, template }, hostName);

test("a host name is the machine's, or what the template makes of it", () => {
  expect(hostNameFor(machine)).toBe("room3-pc-017");
  expect(hostNameFor(machine, "LAB-${number}")).toBe("LAB-017");
  expect(hostNameFor(machine, "${group}.${serial}")).toBe("room-3-R-D--7");
  expect(hostNameFor(machine, "${name}".repeat(9))).toHaveLength(63);
  // It has no site: a name is needed all the same.
  expect(hostNameFor(machine, "${site}")).toBe("room3-pc-017");
});

test("a machine without digits at its name's end has no number", () => {
  expect(hostNameFor({ ...machine, row: { ...machine.row, name: "desk" } }, "x${number}")).toBe("x");
});

test("files get what is known, nothing for what is not, and keep what is no placeholder", () => {
  expect(content("/etc/motd", "${name} ${mac} ${uuid}| $HOME ${PATH} ${other}")).toBe(
    "room3-pc-017 52:54:00:00:00:01 | $HOME ${PATH} ${other}",
  );
  expect(content("/etc/cloud/host", "${hostname}", "lab-017")).toBe("lab-017");
  expect(content("/etc/cloud/host", "[${hostname}]")).toBe("[]");
});

test("in an answer file of XML what is filled in is text", () => {
  expect(content("/Windows/Panther/Unattend.XML", "<a b='1'>${serial}</a>")).toBe("<a b='1'>R&amp;D &quot;7&quot;</a>");
  expect(content("/etc/serial", "${serial}")).toBe('R&D "7"');
});
