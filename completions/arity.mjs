// Writes leashtui/classify/arity.toml: which long options take a value, as a completion package says.
//
//   npm pack @withfig/autocomplete && tar xzf withfig-autocomplete-*.tgz
//   node completions/arity.mjs package > leashtui/classify/arity.toml
//
// Only the commands of REVIEWED are taken, whose options were compared with the tools' own manuals: the package also
// lists switches as taking values, and a word that is hidden behind a switch is a hidden word. Nothing in it says what
// an option does: that is for the tables alone.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { join, resolve } from "node:path";

const REVIEWED = [
  "ansible", "ansible-playbook", "black", "cargo build", "cargo run", "cargo test", "docker build", "docker create",
  "docker exec", "docker run", "eslint", "gradle", "pytest", "rg", "tsc",
];
const WRONG = new Set(["--tree"]);
const list = (x) => (x === undefined || x === null ? [] : Array.isArray(x) ? x : [x]);

const folder = resolve(process.argv[2]);
const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
console.log(`# Long options that take a value, beside those the tables know. Made by completions/arity.mjs from ${name}`);
console.log(`# ${version} (${license}), reviewed; it says how words are cut, never what they do.`);
for (const path of REVIEWED) {
  const [program, ...subs] = path.split(" ");
  let spec = (await import(pathToFileURL(join(folder, "build", `${program}.js`)))).default;
  for (const sub of subs) spec = list(spec.subcommands).find((s) => list(s.name).includes(sub));
  const takes = list(spec.options)
    .filter((o) => list(o.args).length > 0 && !list(o.args)[0].isOptional && !o.requiresEquals && !o.requiresSeparator)
    .flatMap((o) => list(o.name))
    .filter((n) => n.startsWith("--") && !WRONG.has(n));
  console.log(`"${path}" = "${[...new Set(takes)].sort().join(" ")}"`);
}
