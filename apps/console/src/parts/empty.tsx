import type { ReactElement, ReactNode } from "react";
import { Command } from "./command.tsx";
import "./empty.css";

/** What an empty page says: why it is empty and what to do next, with the commands to copy. */
export function Empty(props: {
  readonly title: string;
  readonly picture?: ReactNode;
  readonly children?: ReactNode;
  readonly commands?: readonly { readonly what: string; readonly text: string }[];
}): ReactElement {
  return (
    <section className="empty">
      {props.picture !== undefined && (
        <div className="empty-picture" aria-hidden="true">
          {props.picture}
        </div>
      )}
      <h2 className="empty-title">{props.title}</h2>
      <div className="empty-text">{props.children}</div>
      {props.commands !== undefined && (
        <ul className="empty-commands">
          {props.commands.map((command) => (
            <li key={command.text}>
              <span className="label">{command.what}</span>
              <Command text={command.text} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
