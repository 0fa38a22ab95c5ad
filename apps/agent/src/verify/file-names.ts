import type { Programs } from "../system/programs.ts";
import type { Damage } from "./judge.ts";

/** Inodes that are asked for: a damaged disk may have many. */
const MAX_INODES = 50;

/**
 * The names of the files whose content is damaged, as debugfs(8) finds them in the ext file system that begins at byte `offset` of a disk. Those that
 * it does not find stay without a name: names are for people.
 */
export async function fileNames(
  programs: Programs,
  diskPath: string,
  offset: number,
  damaged: readonly Damage[],
): Promise<Map<Damage, string>> {
  const inodes = [...new Set(damaged.flatMap(({ inode }) => inode ?? []))].slice(0, MAX_INODES);
  if (inodes.length === 0) return new Map();
  const target = `${diskPath}?offset=${offset}`;
  const result = await programs.run("debugfs", ["-R", `ncheck ${inodes.join(" ")}`, target]);
  const names = new Map(
    // It writes a second slash before names in the root folder.
    [...(result?.stdout ?? "").matchAll(/^(\d+)\t\/*(.+)$/gm)].map(([, inode, name = ""]) => [
      Number(inode),
      `/${name}`,
    ]),
  );
  return new Map(
    damaged.flatMap((damage) => {
      const name = damage.inode === undefined ? undefined : names.get(damage.inode);
      return name === undefined ? [] : [[damage, name]];
    }),
  );
}
