/** Ctrl-B, the key that iPXE's own banner uses for its shell. */
export const SHELL_KEY = "0x02";
