import { Command } from "commander";
import { AgentError } from "../errors.ts";
import { addServerOptions, type ServerOptions } from "./common.ts";
import { serviceUnit } from "./service-unit.ts";

/** `ingot agent unit` */
export function unitCommand(): Command {
  const command = new Command("unit")
    .description("print a unit for systemd that runs `ingot agent run` as a service of an installed Linux")
    .option("--no-power", "the server may not restart this machine for a job, nor switch it off");
  return addServerOptions(command)
    .addHelpText(
      "after",
      `
Example:
  ingot agent unit --server https://10.0.0.1:8472 --pin 3f8a… > /etc/systemd/system/ingot-agent.service
  systemctl enable --now ingot-agent`,
    )
    .action((options: ServerOptions & { readonly power: boolean }) => {
      const { server, pin, tokenFile, power } = options;
      const [, script] = process.argv;
      if (server === undefined || pin === undefined || script === undefined)
        throw new AgentError("usage", "unit: a service needs --server and --pin");
      const program = [process.execPath, ...process.execArgv, script];
      process.stdout.write(serviceUnit(program, { server, pin, tokenFile, power }));
    });
}
