import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { parseUrl } from "../src/url";

const page = (href: string): void => {
  Object.defineProperty(globalThis, "location", { value: new URL(href), configurable: true });
};

afterEach(() => {
  Reflect.deleteProperty(globalThis, "location");
});

test("a whole address", () => {
  assert.deepEqual(parseUrl("http://example.com:8080/admin?token=a%20b&x=1"), {
    source: "http://example.com:8080",
    path: "/admin",
    query: { token: "a b", x: "1" },
  });
  assert.equal(parseUrl("wss://example.com:443").source, "wss://example.com");
  assert.equal(parseUrl("https://example.com").path, "/");
  assert.equal(parseUrl("http://[::1]:3000/a").source, "http://[::1]:3000");
});

test("an address that is relative to the page", () => {
  page("https://example.com:8443/some/page?query");
  assert.deepEqual(parseUrl(), { source: "https://example.com:8443", path: "/", query: {} });
  assert.deepEqual(parseUrl("/admin"), { source: "https://example.com:8443", path: "/admin", query: {} });
  assert.equal(parseUrl("//other.com/x").source, "https://other.com");
  assert.equal(parseUrl("other.com:81").source, "https://other.com:81");
});

test("an address without a scheme, where there is no page", () => {
  assert.equal(parseUrl("example.com/x").source, "https://example.com");
  assert.equal(parseUrl("localhost:3000").source, "https://localhost:3000");
});

test("the path is taken as it is written", () => {
  for (const path of ["/ä b", "/a/../b", "/100%", "/a//b"]) {
    assert.equal(parseUrl(`http://example.com${path}?q#f`).path, path);
    page("https://example.com");
    assert.equal(parseUrl(path).path, path);
  }
});

test("an address in a page that has none of its own", () => {
  page("file:///home/page.html");
  assert.equal(parseUrl("http://localhost:3000/x").source, "http://localhost:3000");
});

test("what is no address", () => {
  assert.throws(() => parseUrl("/only-a-path"), TypeError);
  assert.throws(() => parseUrl("http://"), TypeError);
});
