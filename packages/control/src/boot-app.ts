import { type BootReport, bootReportSchema, type Firmware, MAX_TEXT_LENGTH } from "@ingot/api";
import { DecodeError, type Mac, parseMac, parseUuid } from "@ingot/wire";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { reported, reportError } from "./api-errors.ts";
import type { ScriptRequest } from "./boots.ts";
import type { Control } from "./control.ts";
import type { OpenDisk } from "./disk-keeper.ts";
import { ControlError } from "./errors.ts";
import { MAX_REPORT_BYTES } from "./limits.ts";

/** What the server knows of a request besides its text; the second argument of the app's `fetch`. */
export interface BootBindings {
  /** IP address of the machine that asks. */
  readonly peerAddress?: string | undefined;
}

/** What {@link createBootApp} joins. */
export interface BootAppDeps<Device extends OpenDisk> {
  readonly control: Control<Device>;
  /** Serves `GET` and `HEAD` of `/boot/files/*`: boot programs. MUST answer other names with 404. */
  readonly files: (request: Request, bindings: BootBindings) => Response | Promise<Response>;
}

/**
 * What machines ask on the boot network: scripts, boot programs, and their word that they are up. Nobody here has proved
 * who it is. No secret is answered, and nothing that is said here throws anything away by itself. But any host on the boot
 * network can fetch a script in the name of a machine, and log in to the boot that the script names unless the machine has a
 * CHAP secret. In reset mode that login is the machine's next boot: it ends the sessions of the one that runs and throws its
 * changes away. PXE has no way to tell the two apart; who is on the boot network has to be trusted that far.
 */
export function createBootApp<Device extends OpenDisk>({
  control,
  files,
}: BootAppDeps<Device>): Hono<{ Bindings: BootBindings }> {
  const app = new Hono<{ Bindings: BootBindings }>();
  app.onError((error, context) => {
    const report = reportError(error);
    if (report.unexpected) control.onError(error);
    return context.json({ error: report.error }, report.status);
  });
  app.notFound((context) => {
    const { status, error } = reported("notFound", `${context.req.method} ${context.req.path}: there is nothing here`);
    return context.json({ error }, status);
  });
  app.get("/boot/script.ipxe", async (context) => {
    const script = await control.boots.script(scriptRequestOf(context));
    return context.text(script, 200, { "cache-control": "no-store" });
  });
  app.on(["GET", "HEAD"], "/boot/files/*", (context) => files(context.req.raw, bindingsOf(context)));
  app.post(
    "/boot/report",
    bodyLimit({
      maxSize: MAX_REPORT_BYTES,
      onError: (context) => {
        const { status, error } = reported("tooLarge", `report: more than ${MAX_REPORT_BYTES} bytes`);
        return context.json({ error }, status);
      },
    }),
    async (context) => {
      const macText = context.req.query("mac");
      const mac = macText === undefined || macText === "" ? undefined : requireMac(macText);
      const report = reportOf(await context.req.text());
      const machine = await control.boots.report({ mac, address: bindingsOf(context).peerAddress }, report);
      return context.json({ machine: machine.name, state: machine.state }, 200);
    },
  );
  return app;
}

function scriptRequestOf(context: Context<{ Bindings: BootBindings }>): ScriptRequest {
  const { mac, uuid, serial, manufacturer, product, platform, arch, stage, image, failed } = context.req.query();
  if (stage !== undefined && stage !== "replace" && stage !== "handover") {
    throw new ControlError("invalidRequest", `stage ${JSON.stringify(stage)}: expected replace or handover`);
  }
  return {
    mac: requireMac(mac ?? ""),
    uuid: readUuid(uuid),
    serial,
    manufacturer,
    product,
    firmware: firmwareOf(platform, arch),
    address: bindingsOf(context).peerAddress,
    stage,
    image: image === "" ? undefined : image,
    failed: failed === "1",
  };
}

function bindingsOf(context: Context<{ Bindings: BootBindings }>): BootBindings {
  // Servers that listen on IPv6 name IPv4 peers in the mapped form. `env` is absent where the app is called without it.
  const { peerAddress } = (context.env as BootBindings | undefined) ?? {};
  return { peerAddress: peerAddress?.replace(/^::ffff:/i, "") };
}

/** @throws ControlError `invalidRequest`. */
function requireMac(text: string): Mac {
  try {
    return parseMac(text);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new ControlError("invalidRequest", `mac: ${error.message}`, { cause: error });
  }
}

/** A UUID that cannot be read counts as not said: it is only one of several facts, and iPXE sends an empty one where firmware has none. */
function readUuid(text: string | undefined): string | undefined {
  if (text === undefined || text === "") return undefined;
  try {
    return parseUuid(text);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

const firmwareOfArch: ReadonlyMap<string, Firmware> = new Map<string, Firmware>([
  ["x86_64", "uefi-x64"],
  ["i386", "uefi-ia32"],
  ["arm64", "uefi-arm64"],
]);

/** From iPXE's settings `platform` and `buildarch`. */
function firmwareOf(platform: string | undefined, arch: string | undefined): Firmware {
  if (platform === "pcbios") return "bios";
  return (platform === "efi" ? firmwareOfArch.get(arch ?? "") : undefined) ?? "unknown";
}

/** The body of a report: empty, or JSON. @throws ControlError `invalidRequest`. */
function reportOf(text: string): BootReport {
  if (text.trim() === "") return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ControlError("invalidRequest", "report: expected no body or JSON", { cause });
  }
  const parsed = bootReportSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ControlError(
    "invalidRequest",
    `report: expected { state?: "up" | "failed", detail?: up to ${MAX_TEXT_LENGTH} characters }`,
  );
}
