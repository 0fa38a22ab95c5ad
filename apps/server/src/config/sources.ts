import { existsSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { messageOf, ServerError } from "../errors.ts";
import { SERVE_OPTION_NAMES, type RawServeOptions, type ServeOptionName } from "./serve-config.ts";

/** Where `serve` looks for its file when neither `--config` nor `INGOT_CONFIG` names one. */
const DEFAULT_CONFIG_FILE = "/etc/ingot/ingot.yaml";

/** Variables that are read elsewhere than in `serve`'s options. */
const OTHER_VARIABLES = ["INGOT_CONFIG", "INGOT_DATA"];

/** The three places options come from, strongest first. */
export interface OptionSources {
  readonly flags: RawServeOptions;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A file named by the operator; then it must exist. */
  readonly configFile?: string;
}

/** Merges flag > `INGOT_*` > file; unknown keys and variables are refused (`config-invalid`). */
export function mergeOptions(sources: OptionSources): RawServeOptions {
  return { ...fromFile(sources.configFile), ...fromEnvironment(sources.environment), ...sources.flags };
}

function fromEnvironment(environment: Readonly<Record<string, string | undefined>>): RawServeOptions {
  const options: { [name in ServeOptionName]?: string } = {};
  const known = new Map(SERVE_OPTION_NAMES.map((name) => [`INGOT_${name.toUpperCase().replaceAll("-", "_")}`, name]));
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith("INGOT_") || value === undefined || OTHER_VARIABLES.includes(variable)) continue;
    const name = known.get(variable);
    if (name === undefined) {
      throw new ServerError(
        "config-invalid",
        `environment: ${variable} is unknown (known: ${[...known.keys(), ...OTHER_VARIABLES].join(", ")})`,
      );
    }
    options[name] = value;
  }
  return options;
}

function fromFile(named: string | undefined): RawServeOptions {
  const path = named ?? DEFAULT_CONFIG_FILE;
  if (named === undefined && !existsSync(path)) return {};
  let content: unknown;
  try {
    content = parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new ServerError("config-invalid", `${path}: cannot be read as YAML: ${messageOf(error)}`, { cause: error });
  }
  if (content === null) return {};
  if (typeof content !== "object" || Array.isArray(content)) {
    throw new ServerError("config-invalid", `${path}: expected one option per line like "dhcp: proxy"`);
  }
  const options: { [name in ServeOptionName]?: string } = {};
  for (const [key, value] of Object.entries(content)) {
    const name = SERVE_OPTION_NAMES.find((known) => known === key);
    if (name === undefined)
      throw new ServerError(
        "config-invalid",
        `${path}: unknown option ${JSON.stringify(key)} (known: ${SERVE_OPTION_NAMES.join(", ")})`,
      );
    options[name] = textOf(value, `${path}: ${key}`);
  }
  return options;
}

/** YAML reads `tftp: on` as text and `boot-port: 8471` as a number; lists are written as YAML lists. */
function textOf(value: unknown, where: string): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  if (typeof value === "boolean") return value ? "on" : "off";
  if (Array.isArray(value)) return value.map((item) => textOf(item, where)).join(",");
  throw new ServerError("config-invalid", `${where}: expected text, a number or a list`);
}
