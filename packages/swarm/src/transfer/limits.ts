/** Plain bytes of one chunk at most, as in every manifest. */
export const MAX_CHUNK_BYTES: number = 1024 * 1024;
