/** What `program.ts` adds to every command. */
export interface CommonOptions {
  readonly data: string;
  readonly json?: true;
}
