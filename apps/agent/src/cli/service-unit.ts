/** What a service is to know. */
export interface ServiceFacts {
  readonly server: string;
  readonly pin: string;
  readonly tokenFile?: string | undefined;
  /** The server may restart the machine. */
  readonly power: boolean;
}

/** Where the service keeps its key: systemd makes it, for root alone. */
const STATE = "ingot-agent";

/**
 * A unit for systemd (systemd.unit(5), systemd.exec(5)). The agent reads disks and restarts the machine, so it is root; everything else is taken from
 * it: it writes to its own folder and to the firmware's variables.
 */
export function serviceUnit(program: readonly string[], { server, pin, tokenFile, power }: ServiceFacts): string {
  const token = tokenFile === undefined ? [] : ["--token-file", tokenFile];
  const words = [...program, "run", "--server", server, "--pin", pin, "--state", `/var/lib/${STATE}`, ...token];
  return `[Unit]
Description=Ingot agent
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart=${[...words, ...(power ? ["--power"] : [])].map(quoted).join(" ")}
Restart=always
RestartSec=10
StateDirectory=${STATE}
StateDirectoryMode=0700
UMask=0077
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
NoNewPrivileges=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
TimeoutStopSec=30

[Install]
WantedBy=multi-user.target
`;
}

/** One word of a command line as systemd.service(5) reads it: `%` and `$` mean something to it. */
function quoted(word: string): string {
  const escaped = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /^[\w@:/.,+=%$-]+$/.test(escaped) ? escaped : `"${escaped.replaceAll(/["\\]/g, "\\$&")}"`;
}
