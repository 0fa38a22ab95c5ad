import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const page = join(root, "docs", "limits.md");

const HEAD = `# Limits

What comes from the network or from a file is compared with one of these before it sizes anything or is looped over. The page
is made from the packages' \`limits.ts\`: \`UPDATE_PAGES=1 vitest run --project unit test/limits-page\` writes it anew.
`;

/** One section per package, one row per exported constant: name, value as written, its comment. */
function renderPage(): string {
  const files = readdirSync(join(root, "packages")).flatMap((name) => {
    const source = join(root, "packages", name, "src");
    if (!existsSync(source)) return [];
    const found = readdirSync(source, { recursive: true, encoding: "utf8" }).filter(
      (path) => basename(path) === "limits.ts",
    );
    return found.sort().map((path) => ({ title: join(name, dirname(path)), path: join(source, path) }));
  });
  const sections = files.map(({ title, path }) => {
    const rows = [
      ...readFileSync(path, "utf8").matchAll(
        /\/\*\*\s*((?:(?!\*\/)[\s\S])*?)\s*\*\/\nexport const (\w+)(?::[^=]+)? = ([^;]+);/g,
      ),
    ];
    const table = rows.map(([, comment = "", constant = "", value = ""]) => {
      const text = comment.replaceAll(/\n\s*\* ?/g, " ").replaceAll("|", "\\|");
      return `| \`${constant}\` | ${value.replaceAll(/\s+/g, " ").replaceAll("|", "\\|")} | ${text} |`;
    });
    return `\n## ${title}\n\n| name | value | what |\n|---|---|---|\n${table.join("\n")}\n`;
  });
  return HEAD + sections.join("");
}

test("docs/limits.md lists every limit as the code has it", () => {
  const rendered = renderPage();
  if (process.env["UPDATE_PAGES"] === "1") writeFileSync(page, rendered);
  expect(readFileSync(page, "utf8")).toBe(rendered);
});
