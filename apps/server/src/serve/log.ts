import { pino, type Logger } from "pino";
import pretty from "pino-pretty";

/** The server's log: one structured line per decision, on standard error; readable unless `json`. */
export function createLog(level: string, json: boolean): Logger {
  const destination = json
    ? pino.destination({ fd: 2, sync: true })
    : pretty({ destination: 2, sync: true, ignore: "pid,hostname", translateTime: "SYS:HH:MM:ss" });
  // No secret is logged: what could hold one is cut out wherever it stands.
  return pino({ level, redact: ["secret", "*.secret", "chap", "*.chap"] }, destination);
}
