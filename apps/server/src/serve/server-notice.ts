/** What a starting or ending server says; under `--json` each is one line. The last of start-up is `ready`. */
export type ServerNotice =
  | { readonly event: "service"; readonly name: string; readonly address: string; readonly detail: string }
  | { readonly event: "warning"; readonly message: string }
  | { readonly event: "ready"; readonly url: string; readonly pid: number; readonly data: string }
  | { readonly event: "stopping"; readonly reason: string }
  | { readonly event: "stopped" };
