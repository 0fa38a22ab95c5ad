export { Simulation, type SimulatedMachine, type SimulationOptions, type SimulationResult } from "./simulation.ts";
