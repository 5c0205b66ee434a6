// Builds src/antiphon/browser: `node build.mjs [folder]`.

import { minify } from "@swc/core";
import { generateDtsBundle } from "dts-bundle-generator";
import { build } from "esbuild";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const here = fileURLToPath(new URL(".", import.meta.url));
const folder = process.argv[2] ?? fileURLToPath(new URL("../src/antiphon/browser", import.meta.url));
const NOTICE = "/*! Antiphon, MIT */";

// For <script>, require and AMD, as the official build is. The source sets `exported`.
const HEAD = `((r,f)=>{typeof exports=="object"&&typeof module=="object"?module.exports=f():typeof define=="function"&&define.amd?define(f):r.io=f()})(typeof globalThis=="object"?globalThis:self,()=>{var exported;`;
const script = { entry: "script.ts", banner: { js: HEAD }, footer: { js: "return exported});" } };

// The build for MessagePack has another parser.
const msgpack = {
  name: "msgpack",
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/parser$/ }, () => ({ path: `${here}src/parser/msgpack.ts` }));
  },
};

const BUILDS = {
  "socket.io.js": script,
  "socket.io.min.js": script,
  "socket.io.msgpack.min.js": { ...script, plugins: [msgpack] },
  "socket.io.esm.min.js": { entry: "index.ts" },
};

async function bundle(name, { entry, ...options }) {
  const isSmall = name.includes(".min.");
  const { outputFiles } = await build({
    entryPoints: [`${here}src/${entry}`],
    outfile: `${folder}/${name}`,
    bundle: true,
    write: false,
    format: "esm",
    target: "es2020",
    charset: "utf8",
    sourcemap: "external",
    legalComments: "none",
    absWorkingDir: here,
    logLevel: "warning",
    // What begins with an underscore is ours alone, but for what stands in packets.
    ...(isSmall && { minify: true, mangleProps: /^_[a-z]/, reserveProps: /^_placeholder$/ }),
    ...options,
  });
  let [map, code] = outputFiles.map((file) => file.text);
  if (isSmall) {
    // A second minifier finds another two percent.
    ({ code, map } = await minify(code, {
      module: entry === "index.ts",
      ecma: 2020,
      compress: { passes: 3, unsafe_arrows: true, pure_getters: true },
      mangle: true,
      sourceMap: { content: map },
    }));
  }
  const { sources, sourcesContent, mappings, names, version } = JSON.parse(map);
  const shown = sources.map((source) => source.replace(/^.*?(?=src\/)/, ""));
  // One line stands before the code.
  return {
    [name]: `${NOTICE}\n${code.trimEnd()}\n//# sourceMappingURL=${name}.map\n`,
    [`${name}.map`]: JSON.stringify({ version, sources: shown, sourcesContent, names, mappings: `;${mappings}` }),
  };
}

for (const [name, options] of Object.entries(BUILDS)) {
  for (const [file, content] of Object.entries(await bundle(name, options))) {
    await writeFile(`${folder}/${file}`, content);
    await writeFile(`${folder}/${file}.gz`, gzipSync(content, { level: 9 }));
    const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
    await writeFile(`${folder}/${file}.br`, brotliCompressSync(content, { params }));
  }
}

const [declarations] = generateDtsBundle(
  [{ filePath: `${here}src/index.ts`, output: { noBanner: true, exportReferencedTypes: false } }],
  { preferredConfigPath: `${here}tsconfig.json` },
);
await writeFile(`${folder}/socket.io.esm.min.d.ts`, `${NOTICE}\n${declarations}`);
