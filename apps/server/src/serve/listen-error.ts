import { messageOf, ServerError } from "../errors.ts";

/**
 * Turns the system's refusal of a port into a sentence that names the port and what to do.
 * @param option what to give instead, as on the command line: `--http`, `--tftp off`.
 */
export function listenError(
  service: string,
  option: string,
  address: string,
  port: number,
  error: unknown,
): ServerError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const where = `${service}: ${address}:${port}`;
  if (code === "EADDRINUSE") {
    return new ServerError(
      "port-in-use",
      `${where} is in use by another program (ss -lnp 'sport = :${port}' shows which); stop it, or give ${option}`,
      { cause: error },
    );
  }
  if (code === "EACCES" || code === "EPERM") {
    return new ServerError(
      "port-forbidden",
      `${where}: this user may not bind ports below 1024; start as root, give the program CAP_NET_BIND_SERVICE, or give ${option}`,
      { cause: error },
    );
  }
  if (code === "EADDRNOTAVAIL") {
    return new ServerError("interface", `${where}: this machine has no such address; give another ${option}`, {
      cause: error,
    });
  }
  return new ServerError("interface", `${where} cannot be bound: ${messageOf(error)}`, { cause: error });
}
