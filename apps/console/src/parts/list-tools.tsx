import { SegmentedControl, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import type { ReactElement } from "react";
import { formatCount, formatCountOf } from "../format/count.ts";
import type { AddressParams } from "./use-address-params.ts";

/** The head of a long list: what to search for, which part to show, and how many that are. Search and part stand in the page's address. */
export function ListTools<Show extends string>(props: {
  readonly what: string;
  readonly searchLabel: string;
  readonly placeholder: string;
  readonly className?: string;
  readonly params: AddressParams;
  readonly show: Show;
  /** The first one is shown when the address names none. */
  readonly shows: readonly { readonly value: Show; readonly label: string }[];
  readonly shown: number;
  readonly total: number;
}): ReactElement {
  const { what, show, shows, shown, total } = props;
  const { params, set } = props.params;
  return (
    <header className="page-head">
      <div className="page-tools">
        <TextInput
          type="search"
          {...(props.className !== undefined && { className: props.className })}
          aria-label={props.searchLabel}
          placeholder={props.placeholder}
          leftSection={<IconSearch size={14} />}
          value={params.get("q") ?? ""}
          onChange={(event) => set("q", event.currentTarget.value)}
        />
        <SegmentedControl
          aria-label="Show"
          value={show}
          onChange={(value) => set("show", value === shows[0]?.value ? undefined : value)}
          data={[...shows]}
        />
      </div>
      <output className="quiet">
        {shown === total ? formatCountOf(shown, what) : `${formatCount(shown)} of ${formatCountOf(total, what)}`}
      </output>
    </header>
  );
}
