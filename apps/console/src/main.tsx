import "@mantine/core/styles.css";
import "./theme/base.css";
import "./theme/page.css";
import { MantineProvider } from "@mantine/core";
import { lazy, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createHashRouter, Navigate, RouterProvider } from "react-router";
import { createClock } from "./live/clock.ts";
import { keepEventStream } from "./live/event-stream.ts";
import { scheduleFrame } from "./live/frame-batch.ts";
import { LiveProvider } from "./live/live-context.tsx";
import { LIVE_MESSAGE_TYPES, readLiveMessage } from "./live/live-message.ts";
import { LiveStore } from "./live/live-store.ts";
import { MachinesPage } from "./machines/machines-page.tsx";
import { createApiClient } from "./request/api-client.ts";
import { Shell } from "./shell/shell.tsx";
import { cssVariables, theme } from "./theme/theme.ts";

const ImagesPage = lazy(async () => ({ default: (await import("./images/images-page.tsx")).ImagesPage }));
const DisksPage = lazy(async () => ({ default: (await import("./disks/disks-page.tsx")).DisksPage }));
const SessionsPage = lazy(async () => ({ default: (await import("./sessions/sessions-page.tsx")).SessionsPage }));
const JobsPage = lazy(async () => ({ default: (await import("./jobs/jobs-page.tsx")).JobsPage }));
const JobPage = lazy(async () => ({ default: (await import("./jobs/job-page.tsx")).JobPage }));
const EventsPage = lazy(async () => ({ default: (await import("./events/events-page.tsx")).EventsPage }));

const clock = createClock(() => Date.now());
const api = createApiClient((path, init) => fetch(path, init));
const store = new LiveStore({
  api,
  clock,
  schedule: scheduleFrame,
  time: () => Date.now(),
  onNewServer: () => location.reload(),
});

keepEventStream({
  open: () => new EventSource("/api/v1/events/stream"),
  types: LIVE_MESSAGE_TYPES,
  onMessage: (data) => store.receive(readLiveMessage(data)),
  onConnection: (connection) => store.setConnection(connection),
  time: clock.time,
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
});

// The route stands behind the #, so that whatever serves these files needs to know none of the pages.
const router = createHashRouter([
  {
    element: <Shell />,
    children: [
      { path: "/machines/:machineId?", element: <MachinesPage /> },
      { path: "/images", element: <ImagesPage /> },
      { path: "/disks", element: <DisksPage /> },
      { path: "/jobs", element: <JobsPage /> },
      { path: "/jobs/:jobId", element: <JobPage /> },
      { path: "/sessions", element: <SessionsPage /> },
      { path: "/events", element: <EventsPage /> },
      { path: "*", element: <Navigate to="/machines" replace /> },
    ],
  },
]);

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element #root");
createRoot(root).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
      <LiveProvider live={{ store, clock, api }}>
        <RouterProvider router={router} />
      </LiveProvider>
    </MantineProvider>
  </StrictMode>,
);
