import type { SystemFiles } from "../system/system-files.ts";

/** Whether the machine can run dry. */
export interface PowerFacts {
  /** Charge of the weakest battery, 0 to 100; absent on machines without one. */
  readonly batteryPercent?: number;
  /** `unknown` on machines that do not say; those without a battery always have mains. */
  readonly mains: boolean | "unknown";
}

/** Reads `/sys/class/power_supply`. Batteries of mice and headsets (scope `Device`) do not count. */
export function readPower(files: SystemFiles): PowerFacts {
  const charges: number[] = [];
  const mains: boolean[] = [];
  for (const name of files.list("/sys/class/power_supply")) {
    const at = `/sys/class/power_supply/${name}`;
    if (files.readText(`${at}/scope`) === "Device") continue;
    const type = files.readText(`${at}/type`);
    if (type === "Battery") {
      if (files.readText(`${at}/present`) === "0") continue;
      const percent = Number(files.readText(`${at}/capacity`) ?? Number.NaN);
      if (percent >= 0 && percent <= 100) charges.push(percent);
    } else if (type === "Mains" || type === "USB") {
      mains.push(files.readText(`${at}/online`) === "1");
    }
  }
  if (charges.length === 0) return { mains: true };
  return { batteryPercent: Math.min(...charges), mains: mains.length === 0 ? "unknown" : mains.includes(true) };
}
