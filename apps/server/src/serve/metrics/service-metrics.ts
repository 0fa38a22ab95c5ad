import { each, type Metric, one, type Sample } from "./metric.ts";
import type { ServerFacts } from "./server-facts.ts";

const secondsPerMs = 0.001;

/** The counters of some services by what was counted, each under the service's name where there are several. */
const counted =
  (services: readonly string[], label: string, keys: readonly string[]) =>
  ({ counters }: ServerFacts): readonly Sample[] =>
    services.flatMap((service) =>
      keys.flatMap((key) => {
        const value = counters.get(service)?.[key];
        if (value === undefined) return [];
        return [{ labels: { ...(services.length > 1 && { service }), [label]: key }, value }];
      }),
    );

/** What is counted of the server and of its services besides iSCSI. */
export const SERVICE_METRICS: readonly Metric<ServerFacts>[] = [
  {
    name: "ingot_info",
    type: "gauge",
    help: "Always 1; the label says which version runs.",
    labels: ["version"],
    read: ({ status }) => each("version", [[status.version, 1]]),
  },
  {
    name: "ingot_start_time_seconds",
    type: "gauge",
    help: "When the server started, in seconds since 1970.",
    read: ({ status }) => one(Date.parse(status.startedAt) * secondsPerMs),
  },
  {
    name: "ingot_service_up",
    type: "gauge",
    help: "1 for a service that answers, 0 for one that failed; those that are switched off are not listed.",
    labels: ["service"],
    read: ({ status }) =>
      each(
        "service",
        status.services
          .filter(({ state }) => state !== "off")
          .map(({ name, state }) => [name, state === "ready" ? 1 : 0] as const),
      ),
  },
  {
    name: "ingot_machines",
    type: "gauge",
    help: "Machines in the inventory, by state.",
    labels: ["state"],
    read: ({ status }) => each("state", Object.entries(status.counts.machinesByState)),
  },
  {
    name: "ingot_event_streams",
    type: "gauge",
    help: "Readers of the event stream: open consoles, mostly.",
    read: ({ streams }) => one(streams),
  },
  {
    name: "ingot_main_thread_delay_seconds",
    type: "histogram",
    help: "How late the main thread comes to what is due, looked at ten times a second. The sum is estimated from the buckets.",
    read: ({ mainThread }) => [{ labels: {}, buckets: mainThread.buckets }],
  },
  {
    name: "ingot_main_thread_active_seconds_total",
    type: "counter",
    help: "Time in which the main thread was busy; its rate is the share of one core.",
    read: ({ mainThread }) => one(mainThread.used.activeSeconds),
  },
  {
    name: "ingot_main_thread_idle_seconds_total",
    type: "counter",
    help: "Time in which the main thread waited for something to do.",
    read: ({ mainThread }) => one(mainThread.used.idleSeconds),
  },
  {
    name: "ingot_dhcp_messages_total",
    type: "counter",
    help: "DHCP messages: received; of those malformed, ignored (not for us) or dropped (too many waiting); answers sent or failed.",
    labels: ["service", "what"],
    read: counted(["dhcp", "proxydhcp"], "what", ["received", "malformed", "ignored", "dropped", "sent", "failed"]),
  },
  {
    name: "ingot_router_advert_messages_total",
    type: "counter",
    help: "IPv6 router solicitations: received, answered, malformed.",
    labels: ["what"],
    read: counted(["router-advert"], "what", ["received", "answered", "malformed"]),
  },
  {
    name: "ingot_tftp_transfers_total",
    type: "counter",
    help: "TFTP: requests; transfers completed, probed (only the size was asked), failed, refused; malformed packets.",
    labels: ["what"],
    read: counted(["tftp"], "what", ["requested", "completed", "probed", "failed", "refused", "malformed"]),
  },
  {
    name: "ingot_tftp_transfers_active",
    type: "gauge",
    help: "TFTP transfers under way.",
    read: ({ counters }) => one(counters.get("tftp")?.["active"]),
  },
  {
    name: "ingot_http_responses_total",
    type: "counter",
    help: "HTTP answers by class of status, of the API with the console, and of the boot side.",
    labels: ["service", "status"],
    read: counted(["api", "boot-http"], "status", ["1xx", "2xx", "3xx", "4xx", "5xx"]),
  },
];
