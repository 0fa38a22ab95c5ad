import { execFileSync } from "node:child_process";
import { lstatSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cpioArchive } from "./cpio.ts";
import { FileTree } from "./file-tree.ts";

const TIME = 1_790_000_000;

test("one file, byte by byte", () => {
  const archive = Buffer.concat(
    cpioArchive([{ kind: "file", path: "init", mode: 0o755, bytes: Buffer.from("abcde") }], 0x6ab12f80),
  );
  const fields = (text: string): string => text.replaceAll(" ", "");
  expect(archive.toString("latin1")).toBe(
    // magic, inode, mode, uid, gid, links, time, size, device major/minor, special device major/minor, name size, check
    fields("070701 00000001 000081ED 00000000 00000000 00000001 6AB12F80 00000005 ") +
      fields("00000000 00000000 00000000 00000000 00000005 00000000") +
      "init\0\0" +
      "abcde\0\0\0" +
      fields("070701 00000000 00000000 00000000 00000000 00000001 00000000 00000000 ") +
      fields("00000000 00000000 00000000 00000000 0000000B 00000000") +
      "TRAILER!!!\0\0\0\0",
  );
});

test("busybox or GNU cpio unpacks what the tree holds, parents first, in merged folders", () => {
  const directory = mkdtempSync(join(tmpdir(), "ingot-cpio-"));
  try {
    const tree = new FileTree();
    tree.addFile("/lib/udev/rules.d/50.rules", "rule\n");
    tree.addMergedFolders();
    tree.addFile("/sbin/tool", "#!/bin/sh\n", 0o755);
    tree.addLink("/sbin/other", "tool");
    const archive = Buffer.concat(cpioArchive(tree.entries(), TIME));
    execFileSync("cpio", ["--extract", "--quiet", "--preserve-modification-time"], { cwd: directory, input: archive });
    expect(readFileSync(join(directory, "lib/udev/rules.d/50.rules"), "utf8")).toBe("rule\n");
    const tool = lstatSync(join(directory, "usr/sbin/tool"));
    expect(tool.mode & 0o777).toBe(0o755);
    expect(tool.mtimeMs).toBe(TIME * 1000);
    expect(readlinkSync(join(directory, "sbin"))).toBe("usr/sbin");
    expect(readlinkSync(join(directory, "usr/sbin/other"))).toBe("tool");
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("the order in which a tree was filled does not show", () => {
  const paths = ["/usr/bin/b", "/a", "/usr/bin/a", "/bin/c"];
  const bytesOf = (order: readonly string[]): string => {
    const tree = new FileTree();
    for (const path of order) tree.addFile(path, path);
    return Buffer.concat(cpioArchive(tree.entries(), TIME)).toString("latin1");
  };
  expect(bytesOf(paths.toReversed())).toBe(bytesOf(paths));
});
