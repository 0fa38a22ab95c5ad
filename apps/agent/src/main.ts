import { Command } from "commander";

const program = new Command("ingot agent").description("The machine's side: fills a disk from the swarm, and reports");
await program.parseAsync();
