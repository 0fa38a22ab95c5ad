import type { MachineState } from "@ingot/api";
import { useMemo } from "react";
import { type Station, STATIONS } from "../boot/boot-track.ts";
import { useAddressParams } from "../parts/use-address-params.ts";
import { type Selection, type Sort, SORTS } from "./machine-selection.ts";
import { STATE_ORDER } from "./machine-words.ts";

/** The selection of the board as it stands in the page's address, so that a wall screen or a bookmark keeps it. */
export interface SelectionControl {
  readonly selection: Selection;
  readonly setText: (text: string) => void;
  readonly toggleState: (state: MachineState) => void;
  readonly setGroup: (group: string | undefined) => void;
  readonly setStation: (station: Station | undefined) => void;
  readonly setSort: (sort: Sort) => void;
  /** All machines as rows, or as a wall of small fields. */
  readonly view: "rows" | "wall";
  readonly setView: (view: string) => void;
  readonly clear: () => void;
}

/** Reads and writes the selection in the page's address. What cannot be read there counts as not said. */
export function useSelection(): SelectionControl {
  const { params, change, set } = useAddressParams();
  const selection = useMemo((): Selection => {
    const states = new Set(params.getAll("state"));
    return {
      text: params.get("q") ?? "",
      states: new Set(STATE_ORDER.filter((state) => states.has(state))),
      group: params.get("group") ?? undefined,
      station: STATIONS.find((station) => station === params.get("at")),
      sort: SORTS.find((sort) => sort === params.get("sort")) ?? "name",
    };
  }, [params]);
  return {
    selection,
    setText: (text) => set("q", text),
    toggleState: (state) =>
      change((next) => {
        if (next.has("state", state)) next.delete("state", state);
        else next.append("state", state);
      }),
    setGroup: (group) => set("group", group),
    setStation: (station) => set("at", station),
    setSort: (sort) => set("sort", sort === "name" ? undefined : sort),
    view: params.get("view") === "wall" ? "wall" : "rows",
    setView: (view) => set("view", view === "wall" ? view : undefined),
    clear: () =>
      change((next) => {
        for (const key of ["q", "state", "group", "at"]) next.delete(key);
      }),
  };
}
