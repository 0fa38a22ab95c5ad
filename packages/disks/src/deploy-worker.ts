import { parentPort } from "node:worker_threads";

import { checkPlaces, findNonZero, zeroRange } from "./deploy-descriptor-file.ts";
import type { DeployRequest, DeployAnswer, DeployTask } from "./deploy-tasks.ts";

function perform(task: DeployTask): DeployAnswer {
  switch (task.kind) {
    case "check":
      return { kind: "checked", states: checkPlaces(task.fd, task.places) };
    case "zero":
      return { kind: "zeroed", failure: zeroRange(task.fd, task.offset, task.length) };
    case "findNonZero":
      return { kind: "looked", nonZero: findNonZero(task.fd, task.offset, task.length) };
  }
}

parentPort?.on("message", ({ id, task }: DeployRequest) => {
  try {
    parentPort?.postMessage({ id, answer: perform(task) });
  } catch (error) {
    parentPort?.postMessage({ id, error });
  }
});
