/** Saves leases without end into the log named by the argument; prints each client once its lease is saved. To be killed. */
import { parseIpv4 } from "@ingot/wire";
import { LeaseFile } from "../src/index.ts";

const log = await LeaseFile.open(process.argv[2] ?? "");
let next = (await log.load()).length;
for (;;) {
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      const number = next++;
      const address = parseIpv4(`10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`);
      await log.save({ client: `c${number}`, address, expiresAtMs: number, hostName: undefined });
      process.stdout.write(`${number}\n`);
    }),
  );
}
