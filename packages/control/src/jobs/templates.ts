import type { MachineRecord } from "../machine-store.ts";

/** What templates may ask for. */
interface Facts {
  readonly row: Pick<MachineRecord["row"], "id" | "name" | "uuid" | "serial" | "group_name" | "site">;
  readonly macs: readonly string[];
}

const MAX_HOST_NAME = 63;

/**
 * A host name as RFC 1123 §2.1 wants it: what a template gives besides becomes a hyphen. Where nothing is left, because the
 * machine has not what the template asks for, it is made of the machine's name.
 */
export function hostNameFor(machine: Facts, template = "${name}"): string {
  return label(fill(template, factsOf(machine))) || label(machine.row.name);
}

/** A file's content for a machine. In XML, as answer files are, what is filled in is text and never markup. */
export function contentFor(
  machine: Facts,
  file: { readonly path: string; readonly template: string },
  hostName: string | undefined,
): string {
  const facts = { ...factsOf(machine), hostname: hostName ?? "" };
  return fill(file.template, facts, /\.xml$/i.test(file.path) ? asXmlText : (value) => value);
}

/** Fills `${name}` and the like in; what is not known becomes empty, what is no placeholder stays. */
function fill(
  template: string,
  facts: Readonly<Record<string, string>>,
  write: (value: string) => string = (value) => value,
): string {
  return template.replaceAll(/\$\{([a-z]+)\}/g, (whole, key: string) => {
    const value = facts[key];
    return value === undefined ? whole : write(value);
  });
}

function factsOf({ row, macs }: Facts): Readonly<Record<string, string>> {
  return {
    name: row.name,
    number: /\d+$/.exec(row.name)?.[0] ?? "",
    id: row.id,
    mac: macs[0] ?? "",
    uuid: row.uuid ?? "",
    serial: row.serial ?? "",
    group: row.group_name ?? "",
    site: row.site ?? "",
  };
}

function label(text: string): string {
  return text
    .replaceAll(/[^A-Za-z0-9-]/g, "-")
    .slice(0, MAX_HOST_NAME)
    .replaceAll(/^-+|-+$/g, "");
}

function asXmlText(value: string): string {
  const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return value.replaceAll(/[&<>"]/g, (character) => entities[character] ?? character);
}
