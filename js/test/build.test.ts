import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { brotliDecompressSync, gunzipSync, gzipSync } from "node:zlib";

// The tests run in the folder of the package.
const BUILT = join(process.cwd(), "../src/antiphon/browser");

const folder = mkdtempSync(join(tmpdir(), "antiphon-build-"));
after(() => rmSync(folder, { recursive: true }));

const NAMES = readdirSync(BUILT).filter((name) => name.startsWith("socket.io"));
const FILES = NAMES.filter((name) => /\.(js|map|ts)$/.test(name));

test("the files in the package are what the source builds", () => {
  const { status, stderr } = spawnSync(process.execPath, ["build.mjs", folder], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  assert.deepEqual(readdirSync(folder).sort(), NAMES.sort());
  for (const name of FILES) {
    const [built, committed] = [folder, BUILT].map((place) => readFileSync(join(place, name), "utf8"));
    assert.ok(built === committed, `${name} is not what the source builds: run "npm run build" in js/`);
  }
});

test("there are eight files, and their compressed forms have the same content", () => {
  const served = FILES.filter((name) => !name.endsWith(".ts"));
  assert.equal(served.length, 8);
  for (const name of served) {
    const plain = readFileSync(join(BUILT, name));
    assert.equal(Buffer.compare(gunzipSync(readFileSync(join(BUILT, `${name}.gz`))), plain), 0, name);
    assert.equal(Buffer.compare(brotliDecompressSync(readFileSync(join(BUILT, `${name}.br`))), plain), 0, name);
  }
});

// Bytes, gzipped. The official ones of Socket.IO 4.8.4: 14.8, 12.9 and 15.3 kB.
const LIMITS = { "socket.io.min.js": 8000, "socket.io.esm.min.js": 7500, "socket.io.msgpack.min.js": 9000 };

for (const [name, limit] of Object.entries(LIMITS)) {
  test(`${name} has at most ${limit} bytes`, () => {
    for (const size of [gzipSync(readFileSync(join(BUILT, name)), { level: 9 }).length, readFileSync(join(BUILT, `${name}.gz`)).length]) {
      assert.ok(size <= limit, `${size} bytes`);
    }
  });
}

for (const name of FILES.filter((file) => file.endsWith(".js"))) {
  test(`the map of ${name} shows the source`, () => {
    assert.match(readFileSync(join(BUILT, name), "utf8"), new RegExp(`//# sourceMappingURL=${name}\\.map\n$`));
    const { sources, sourcesContent } = JSON.parse(readFileSync(join(BUILT, `${name}.map`), "utf8"));
    assert.ok(sources.includes("src/socket.ts"));
    sources.forEach((source: string, index: number) => {
      assert.equal(sourcesContent[index], readFileSync(source, "utf8"), source);
    });
  });
}
