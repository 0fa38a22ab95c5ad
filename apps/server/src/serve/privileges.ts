import { execFileSync } from "node:child_process";
import { lchownSync, lstatSync, readdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { ServerError } from "../errors.ts";

/** A user to become. */
export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Looks a user up in the system's database; throws `ServerError` code `user`. */
export function findUser(name: string): SystemUser {
  try {
    const line = execFileSync("getent", ["passwd", name], { encoding: "utf8" }).trim();
    const [, , uid = "", gid = ""] = line.split(":");
    return { name, uid: Number(uid), gid: Number(gid) };
  } catch (error) {
    throw new ServerError(
      "user",
      `--user ${name}: no such user; make one (useradd --system ${name}) or give --user root`,
      { cause: error },
    );
  }
}

/**
 * Refuses, before a port is bound, a user who could not read the program or reach the data directory afterwards:
 * it would fail much later, at the first worker or file.
 */
export function checkReachable(user: SystemUser, paths: readonly string[]): void {
  for (const path of paths) {
    for (let folder = resolve(path); ; folder = dirname(folder)) {
      const { mode, uid, gid } = statSync(folder);
      const execute = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
      if (folder !== resolve(path) && (mode & execute) === 0) {
        throw new ServerError(
          "user",
          `--user ${user.name} cannot pass through ${folder} to ${path}; move it to where that user can reach it (e.g. /opt/ingot), or give --user root`,
        );
      }
      if (folder === dirname(folder)) break;
    }
  }
}

/**
 * Gives paths, and what lies below those that are directories, to `user`; what already belongs to them is not touched,
 * what is missing is left out. Links are given themselves, never what they point to.
 */
export function givePaths(paths: readonly string[], user: SystemUser): void {
  for (const path of paths) {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) continue;
    if (found.uid !== user.uid || found.gid !== user.gid) lchownSync(path, user.uid, user.gid);
    if (found.isDirectory())
      givePaths(
        readdirSync(path).map((name) => join(path, name)),
        user,
      );
  }
}

/** Becomes `user` for good: supplementary groups, group, user, in the only order that works. */
export function becomeUser(user: SystemUser): void {
  process.setgroups?.([user.gid]);
  process.setgid?.(user.gid);
  process.setuid?.(user.uid);
}

/**
 * Does `work` with the user's rights and is root again afterwards: what it makes belongs to them. Rights are the whole
 * process's, so nothing else may run meanwhile that needs root.
 */
export async function withUser<T>(user: SystemUser, work: () => Promise<T>): Promise<T> {
  process.setegid?.(user.gid);
  process.seteuid?.(user.uid);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
}
