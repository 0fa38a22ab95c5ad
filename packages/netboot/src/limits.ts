/** Characters of a name shown on screen: a BIOS text line has 80 columns, and the sentence around it needs some. */
export const MAX_SHOWN_CHARACTERS = 60;

/** Entries of a boot menu; iPXE scrolls, people do not. */
export const MAX_MENU_ENTRIES = 60;

/** iSCSI names (RFC 7143 §4.2.7.2). */
export const MAX_ISCSI_NAME_BYTES = 223;
