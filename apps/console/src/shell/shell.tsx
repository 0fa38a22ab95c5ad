import { ActionIcon, Tooltip, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { IconMoon, IconSun } from "@tabler/icons-react";
import { type ReactElement, Suspense } from "react";
import { NavLink, Outlet } from "react-router";
import { formatCount } from "../format/count.ts";
import { useFleet } from "../live/live-context.tsx";
import { Loading } from "../parts/loading.tsx";
import { ConnectionBanner } from "./connection-banner.tsx";
import { IngotMark } from "./ingot-mark.tsx";
import { ServerStatus } from "./server-status.tsx";
import "./shell.css";

/** What stands around every page: where one can go, how the server is, and whether what is shown is live. */
export function Shell(): ReactElement {
  const machines = useFleet((fleet) => fleet.machines.size);
  const images = useFleet((fleet) => fleet.images.size);
  const disks = useFleet((fleet) => fleet.status?.counts.disks ?? 0);
  const sessions = useFleet((fleet) => fleet.status?.counts.sessions ?? 0);
  return (
    <div className="shell">
      <a className="shell-skip" href="#main" onClick={skipToMain}>
        Skip to the content
      </a>
      <header className="shell-head">
        <NavLink to="/machines" className="shell-brand" aria-label="Ingot, machines">
          <IngotMark />
          <b>Ingot</b>
        </NavLink>
        <nav className="shell-nav" aria-label="Pages">
          <NavLink to="/machines">
            Machines <i>{formatCount(machines)}</i>
          </NavLink>
          <NavLink to="/images">
            Images <i>{formatCount(images)}</i>
          </NavLink>
          <NavLink to="/jobs">Jobs</NavLink>
          <NavLink to="/disks">
            Disks <i>{formatCount(disks)}</i>
          </NavLink>
          <NavLink to="/sessions">
            Sessions <i>{formatCount(sessions)}</i>
          </NavLink>
          <NavLink to="/events">Events</NavLink>
        </nav>
        <ServerStatus />
        <SchemeSwitch />
      </header>
      <ConnectionBanner />
      <main id="main" className="shell-main" tabIndex={-1}>
        <Suspense fallback={<Loading what="page" />}>
          <Outlet />
        </Suspense>
      </main>
    </div>
  );
}

/** The address holds the page's route, so the jump is made by hand. */
function skipToMain(event: { preventDefault(): void }): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function SchemeSwitch(): ReactElement {
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme("dark", { getInitialValueInEffect: false }) === "dark";
  const label = dark ? "Light colours" : "Dark colours";
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="md"
        aria-label={label}
        onClick={() => setColorScheme(dark ? "light" : "dark")}
      >
        {dark ? <IconSun size={16} /> : <IconMoon size={16} />}
      </ActionIcon>
    </Tooltip>
  );
}
