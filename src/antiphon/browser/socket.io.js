/*! Antiphon, MIT */
((r,f)=>{typeof exports=="object"&&typeof module=="object"?module.exports=f():typeof define=="function"&&define.amd?define(f):r.io=f()})(typeof globalThis=="object"?globalThis:self,()=>{var exported;
var __defProp = Object.defineProperty;
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: true });
};

// src/index.ts
var index_exports = {};
__export(index_exports, {
  Fetch: () => Polling,
  Manager: () => Manager,
  NodeWebSocket: () => WS,
  NodeXHR: () => Polling,
  Socket: () => Socket,
  WebSocket: () => WS,
  WebTransport: () => WT,
  XHR: () => Polling,
  connect: () => io,
  default: () => io,
  io: () => io,
  protocol: () => protocol
});

// src/backoff.ts
var Backoff = class {
  constructor(options) {
    this.options = options;
    /** How many delays have been asked for. */
    this.attempts = 0;
  }
  /** Returns the next delay, in milliseconds. */
  duration() {
    const { min, max, jitter } = this.options;
    const delay = min * 2 ** this.attempts++;
    return Math.min(delay * (1 + jitter * (Math.random() * 2 - 1)), max) | 0;
  }
  /** Begins with the first delay again. */
  reset() {
    this.attempts = 0;
  }
};

// src/emitter.ts
var Emitter = class {
  constructor() {
    this._registered = /* @__PURE__ */ Object.create(null);
  }
  /** Calls a function at every event of this name. */
  on(event, listener) {
    return this._add(event, listener, false);
  }
  /** Calls a function at the next event of this name. */
  once(event, listener) {
    return this._add(event, listener, true);
  }
  /** Removes a listener; all of an event, or all there are, if less is given. */
  off(event, listener) {
    if (!arguments.length) this._registered = /* @__PURE__ */ Object.create(null);
    else if (arguments.length < 2) this._registered[event] = [];
    else this._remove(event, (entry) => entry._listener === listener);
    return this;
  }
  /** Calls the listeners of an event. */
  emit(event, ...args) {
    this._fire(event, args);
    return this;
  }
  /** Returns the listeners of an event. */
  listeners(event) {
    return this._of(event).map((entry) => entry._listener);
  }
  /** Says whether an event has listeners. */
  hasListeners(event) {
    return !!this._of(event).length;
  }
  /** Emits an event of the library itself. Only for the library. */
  _tell(event, ...args) {
    this._fire(event, args);
  }
  /** Listens to an event of the library itself until the function that is returned is called. Only for the library. */
  _subscribe(event, listener) {
    this._add(event, listener, false);
    return () => this.off(event, listener);
  }
  _fire(event, args) {
    for (const entry of this._of(event)) {
      if (entry._once) this._remove(event, (other) => other === entry);
      entry._listener.apply(this, args);
    }
  }
  _of(event) {
    return this._registered[event] ?? [];
  }
  // Lists are replaced, not changed: they may be in use.
  _remove(event, isIt) {
    this._registered[event] = withoutFirst(this._of(event), isIt);
  }
  _add(event, _listener, _once) {
    this._registered[event] = [...this._of(event), { _listener, _once }];
    return this;
  }
};
function withoutFirst(list, isIt) {
  const index = list.findIndex(isIt);
  return list.filter((_, place) => place !== index);
}
var methods = Emitter.prototype;
methods.addEventListener = methods.on;
methods.removeListener = methods.removeEventListener = methods.removeAllListeners = methods.off;

// src/binary.ts
function isBinary(value) {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value) || isBlob(value);
}
function isBlob(value) {
  return value instanceof Blob;
}
function bytesOf(data) {
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);
}
function toBytes(text) {
  return new TextEncoder().encode(text);
}
function sizeOf(data) {
  return typeof data === "string" ? toBytes(data).length : isBlob(data) ? data.size : data.byteLength;
}

// src/environment.ts
function listen(target, event, listener) {
  const events = target || void 0;
  events?.addEventListener?.(event, listener);
  return () => events?.removeEventListener?.(event, listener);
}
function listenToVisibility(listener) {
  const page = globalThis.document;
  return listen(page, "visibilitychange", () => {
    if (page?.visibilityState === "visible") listener();
  });
}
function later(milliseconds, callback) {
  const timer = setTimeout(callback, milliseconds);
  return () => clearTimeout(timer);
}

// src/engine_packet.ts
var TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];
var SEPARATOR = "";
function encodePacket({ type, data }) {
  return typeof data === "object" ? data : TYPES.indexOf(type) + (data ?? "");
}
async function encodeAsText(packet) {
  const encoded = encodePacket(packet);
  if (typeof encoded === "string") return encoded;
  let text = "";
  for (const byte of bytesOf(isBlob(encoded) ? await encoded.arrayBuffer() : encoded)) text += String.fromCharCode(byte);
  return "b" + btoa(text);
}
function decodePacket(encoded) {
  if (typeof encoded !== "string") return { type: "message", data: encoded };
  const data = encoded.slice(1);
  try {
    if (encoded[0] === "b") {
      return { type: "message", data: Uint8Array.from(atob(data), (character) => character.charCodeAt(0)).buffer };
    }
  } catch {
  }
  const type = TYPES[encoded[0]];
  return type ? data ? { type, data } : { type } : { type: "error", data: "parser error" };
}

// src/transport.ts
function encode(query) {
  return `${new URLSearchParams(query)}`.replace(/\+/g, "%20");
}
var Transport = class extends Emitter {
  constructor(opts, query) {
    super();
    this.opts = opts;
    this.query = query;
    /** Whether packets can be written now. */
    this.writable = false;
    this.readyState = "";
  }
  open() {
    this.readyState = "opening";
    this._doOpen();
  }
  close() {
    if (this.readyState === "opening" || this.readyState === "open") {
      this._doClose();
      this._onClose();
    }
  }
  send(packets) {
    if (this.readyState === "open") this._write(packets);
  }
  /** Calls back when nothing is on its way any more, so that another transport can take over. */
  _pause(onPause) {
    onPause();
  }
  /** Goes on after all: nothing has taken over. */
  _resume() {
  }
  _onOpen() {
    this.readyState = "open";
    this.writable = true;
    this._tell("open");
  }
  _onError(reason, description, context) {
    this._tell("error", Object.assign(new Error(reason), { type: "TransportError", description, context }));
  }
  _onData(data) {
    this._tell("packet", decodePacket(data));
  }
  _onClose(details) {
    this.readyState = "closed";
    this.writable = false;
    this._tell("close", details);
  }
  _uri(scheme, timestamp) {
    const { source, path, forceBase64, timestampParam = "t" } = this.opts;
    const query = { ...this.query };
    if (timestamp) query[timestampParam] = (Date.now() + Math.random()).toString(36);
    if (forceBase64) query.b64 = "1";
    return `${source.replace(/^(http|ws)/, scheme)}${path}?${encode(query)}`;
  }
};

// src/transports/polling.ts
var Polling = class extends Transport {
  get name() {
    return "polling";
  }
  _pause(onPause) {
    this._onPause = onPause;
    this.readyState = "pausing";
    this._checkPause();
  }
  _resume() {
    this.readyState = "open";
    if (!this._isPolling) this._poll();
  }
  _doOpen() {
    this._poll();
  }
  _doClose() {
    if (this.readyState === "open") this._request("1", true).catch(() => {
    });
  }
  _write(packets) {
    this.writable = false;
    void Promise.all(packets.map(encodeAsText)).then(async (encoded) => {
      try {
        await this._request(encoded.join(SEPARATOR));
      } catch (error) {
        return this._fail("xhr post error", error);
      }
      this.writable = true;
      this._tell("drain");
      this._checkPause();
    });
  }
  _checkPause() {
    if (this.readyState === "pausing" && !this._isPolling && this.writable) {
      this.readyState = "paused";
      this._onPause();
    }
  }
  _poll() {
    this._isPolling = true;
    void this._request().then(
      (payload) => this._onPayload(payload),
      (error) => this._fail("xhr poll error", error)
    );
  }
  _onPayload(payload) {
    for (const encoded of payload.split(SEPARATOR)) {
      if (this.readyState === "opening" && encoded[0] === "0") this._onOpen();
      if (encoded === "1") {
        this._onClose({ description: "transport closed by the server" });
        return;
      }
      this._onData(encoded);
    }
    if (this.readyState === "closed") return;
    this._isPolling = false;
    this._checkPause();
    if (this.readyState === "open") this._poll();
  }
  /** Tells of an error; its context is that of the request, with the response if there was one. */
  _fail(reason, context) {
    this._onError(reason, context.status ?? 0, context);
  }
  /** Sends a request and returns the body of the response, which must be a good one. */
  async _request(body, keepalive) {
    const { timestampRequests, withCredentials, extraHeaders, requestTimeout } = this.opts;
    const response = await fetch(this._uri("http", timestampRequests !== false), {
      method: body === void 0 ? "GET" : "POST",
      body: body ?? null,
      headers: extraHeaders ?? {},
      credentials: withCredentials ? "include" : "same-origin",
      signal: requestTimeout ? AbortSignal.timeout(requestTimeout) : null,
      keepalive: !!keepalive
    });
    const responseText = await response.text();
    const { ok, status } = response;
    if (!ok) throw Object.assign(new Error(responseText), { status, responseText });
    return responseText;
  }
};

// src/transports/websocket.ts
var WS = class extends Transport {
  get name() {
    return "websocket";
  }
  _doOpen() {
    const { timestampRequests, protocols, extraHeaders } = this.opts;
    let ws;
    try {
      const Socket2 = globalThis.WebSocket;
      ws = new Socket2(
        this._uri("ws", !!timestampRequests),
        extraHeaders && typeof self === "undefined" ? { protocols, headers: extraHeaders } : protocols
      );
    } catch (error) {
      queueMicrotask(() => this._tell("error", error));
      return;
    }
    this._ws = ws;
    ws.binaryType = "arraybuffer";
    ws.onopen = () => this._onOpen();
    ws.onclose = (context) => queueMicrotask(() => this._onClose({ description: "websocket connection closed", context }));
    ws.onmessage = (event) => this._onData(event.data);
    ws.onerror = (event) => this._onError("websocket error", event);
  }
  _doClose() {
    this._ws?.close();
  }
  _write(packets) {
    this.writable = false;
    if (this.opts.forceBase64) {
      void Promise.all(packets.map(encodeAsText)).then((encoded) => this._sendAll(encoded));
    } else this._sendAll(packets.map(encodePacket));
  }
  _sendAll(encoded) {
    for (const data of encoded) this._ws.send(data);
    queueMicrotask(() => {
      this.writable = true;
      this._tell("drain");
    });
  }
};

// src/transports/webtransport.ts
var WT = class extends Transport {
  get name() {
    return "webtransport";
  }
  _doOpen() {
    this._connect().catch((error) => this._fail(error));
  }
  _doClose() {
    this._connection?.close();
  }
  _write(packets) {
    this.writable = false;
    void (async () => {
      try {
        for (const packet of packets) {
          const data = encodePacket(packet);
          await this._writer.write(frame(isBlob(data) ? await data.arrayBuffer() : data));
        }
      } catch {
        return;
      }
      this.writable = true;
      this._tell("drain");
    })();
  }
  _fail(error) {
    this._onError("webtransport error", error);
  }
  async _connect() {
    const options = this.opts.transportOptions?.webtransport;
    const connection = this._connection = new WebTransport(this._uri("http", false), options);
    connection.closed.then(
      () => this._onClose(),
      (error) => this._fail(error)
    );
    await connection.ready;
    const { readable, writable } = await connection.createBidirectionalStream();
    this._writer = writable.getWriter();
    const { sid } = this.query;
    await this._writer.write(frame(sid ? `0{"sid":"${sid}"}` : "0"));
    this._onOpen();
    await this._read(readable.getReader());
  }
  /** Takes frames out of the stream until it ends. */
  async _read(reader) {
    let buffer = new Uint8Array();
    for (; ; ) {
      const { done, value } = await reader.read();
      if (done) return;
      const joined = new Uint8Array(buffer.length + value.length);
      joined.set(buffer);
      joined.set(value, buffer.length);
      buffer = joined;
      for (let frame2; frame2 = firstFrame(buffer); ) {
        buffer = buffer.slice(frame2.end);
        this._onData(frame2.data);
      }
    }
  }
};
function widthOf(short) {
  return short < 126 ? 0 : short < 127 ? 2 : 8;
}
function frame(data) {
  const bytes = typeof data === "string" ? toBytes(data) : bytesOf(data);
  const size = bytes.length;
  const short = size < 126 ? size : size < 65536 ? 126 : 127;
  const start = 1 + widthOf(short);
  const framed = new Uint8Array(start + size);
  const view = new DataView(framed.buffer);
  if (short > 126) view.setBigUint64(1, BigInt(size));
  else if (short > 125) view.setUint16(1, size);
  framed[0] = short + (typeof data === "string" ? 0 : 128);
  framed.set(bytes, start);
  return framed;
}
function firstFrame(buffer) {
  const view = new DataView(buffer.buffer);
  const short = buffer[0] & 127;
  const start = 1 + widthOf(short);
  if (buffer.length < start) return void 0;
  const size = short < 126 ? short : short < 127 ? view.getUint16(1) : Number(view.getBigUint64(1));
  const end = start + size;
  if (buffer.length < end) return void 0;
  const data = buffer.slice(start, end);
  return { data: buffer[0] & 128 ? data.buffer : new TextDecoder().decode(data), end };
}

// src/url.ts
function parseUrl(uri) {
  uri || (uri = "/");
  const page = globalThis.location;
  const text = /^((http|ws)s?:)?\//.test(uri) ? uri : `${page?.protocol ?? "https:"}//${uri}`;
  const { protocol: protocol2, host, searchParams } = new URL(text.replace(/\+/g, "%2B"), page?.href);
  return {
    source: `${protocol2}//${host}`,
    // As it is written: a URL would be encoded, and without its dots.
    path: text.replace(/^(\w+:)?\/\/[^/?#]*|[?#].*/g, "") || "/",
    query: Object.fromEntries(searchParams)
  };
}

// src/engine.ts
var TRANSPORTS = { polling: Polling, websocket: WS, webtransport: WT };
var priorWebsocketSuccess = false;
var Engine = class extends Emitter {
  constructor(uri, options) {
    super();
    /** The name of the session; empty until there is one. */
    this.id = "";
    this.readyState = "opening";
    /** What has not been taken by the transport yet. */
    this.writeBuffer = [];
    /** Whether another transport is about to take over. */
    this.upgrading = false;
    this._pingDelay = 0;
    this._pingDeadline = Infinity;
    this._maxPayload = Infinity;
    this._inFlight = 0;
    const { source, query } = parseUrl(uri);
    const path = (options.path || "/socket.io").replace(/\/$/, "") + (options.addTrailingSlash === false ? "" : "/");
    this.opts = { ...options, source, path };
    this._query = { ...Object.fromEntries(new URLSearchParams(options.query ?? query)), EIO: "4" };
    this._classes = Object.fromEntries(
      (options.transports ?? Object.keys(TRANSPORTS)).map(
        (transport) => typeof transport === "string" ? [transport, TRANSPORTS[transport]] : [transport.prototype.name, transport]
      ).filter(([, found]) => found)
    );
    this.transports = Object.keys(this._classes);
    this._cleanups = [
      // Nobody is told: the page is going.
      listen(options.closeOnBeforeunload && globalThis, "beforeunload", () => this.transport.off().close()),
      // Its requests fail then, which is no news.
      listen(globalThis, "pagehide", (event) => event.persisted || this.transport.off()),
      listen(
        !source.includes("//localhost") && globalThis,
        "offline",
        () => this._onClose("transport close", { description: "network connection lost" })
      ),
      // The timers of a page that is not seen, or of a computer that sleeps, do not fire in time.
      listenToVisibility(() => this._hasPingExpired())
    ];
    this._open();
  }
  /** Sends a message. */
  send(data) {
    this._sendPacket("message", data);
    return this;
  }
  /** Closes the session when all that was sent is on its way. */
  close() {
    if (this.readyState === "opening" || this.readyState === "open") {
      this.readyState = "closing";
      this._closeWhenIdle();
    }
    return this;
  }
  _closeWhenIdle() {
    const again = () => this._closeWhenIdle();
    if (this.writeBuffer.length) this.once("drain", again);
    else if (this.upgrading) this.once("upgrade", again).once("upgradeError", again);
    else this._onClose("forced close");
  }
  /** Says whether the server has been silent for too long, although the timer has not fired yet: it may have slept. */
  _hasPingExpired() {
    const expired = Date.now() > this._pingDeadline;
    if (expired) queueMicrotask(() => this._onClose("ping timeout"));
    return expired;
  }
  /** Throws if the server would not take a message. */
  _checkSize(data) {
    const maxPayload = this._maxPayload;
    if (typeof data === "string" && data.length * 3 < maxPayload) return;
    const size = this._encodedSize(data);
    if (size > maxPayload) {
      const message = `payload of ${size} bytes: the server takes ${maxPayload}`;
      throw Object.assign(new Error(message), { name: "PayloadTooLargeError", size, maxPayload });
    }
  }
  _open() {
    const { transports } = this;
    if (!transports.length) {
      queueMicrotask(() => this._onError(new Error("No transports available")));
      return;
    }
    const remembered = this.opts.rememberUpgrade && priorWebsocketSuccess && transports.includes("websocket");
    this._setTransport(this._create(remembered ? "websocket" : transports[0]));
    this.transport.open();
  }
  _create(name) {
    const query = { ...this._query, transport: name };
    if (this.id) query.sid = this.id;
    const options = this.opts.transportOptions;
    return new this._classes[name]({ ...this.opts, ...options?.[name] }, query);
  }
  _setTransport(transport) {
    this.transport?.off();
    this.transport = transport.on("drain", () => this._onDrain()).on("packet", (packet) => this._onPacket(packet)).on("error", (error) => this._onError(error)).on("close", (details) => this._onClose("transport close", details));
  }
  _onHandshake(data) {
    this.id = this.transport.query.sid = data.sid;
    this._pingDelay = data.pingInterval + data.pingTimeout;
    this._maxPayload = data.maxPayload || Infinity;
    this.readyState = "open";
    priorWebsocketSuccess = this.transport.name === "websocket";
    this._tell("open");
    this._flush();
    if (this.readyState !== "open") return;
    this._expectPing();
    if (this.opts.upgrade !== false) {
      const upgrades = (data.upgrades ?? []).filter((name) => this.transports.includes(name));
      for (const name of upgrades) this._probe(name, upgrades);
    }
  }
  /** Tries a transport, and changes over to it if it works. */
  _probe(name, upgrades) {
    const probe = this._create(name);
    let isOver = false;
    const end = () => {
      isOver = true;
      this.off("close", abort).off("upgrading", yieldTo);
      probe.off();
    };
    const abort = () => {
      end();
      probe.close();
    };
    const yieldTo = (other) => {
      if (other !== probe) abort();
    };
    const fail = (cause) => {
      abort();
      const error = Object.assign(new Error(`probe error: ${cause}`), { transport: name });
      this.upgradeError = error;
      if (this.upgrading) {
        this.upgrading = false;
        this.transport._resume();
      }
      this._tell("upgradeError", error);
      this._flush();
    };
    this.on("close", abort).on("upgrading", yieldTo);
    probe.on("open", () => probe.send([{ type: "ping", data: "probe" }])).on("error", (error) => fail(error.message)).on("close", () => fail("transport closed")).once("packet", ({ type, data }) => {
      if (type !== "pong" || data !== "probe") return fail("unexpected packet");
      this.upgrading = true;
      this._tell("upgrading", probe);
      priorWebsocketSuccess = name === "websocket";
      this.transport._pause(() => {
        if (isOver) return;
        end();
        this._setTransport(probe);
        probe.send([{ type: "upgrade" }]);
        this.upgrading = false;
        this._tell("upgrade", probe);
        this._flush();
      });
    });
    const open = () => {
      if (!isOver) probe.open();
    };
    if (name !== "webtransport" && upgrades.includes("webtransport")) later(200, open);
    else open();
  }
  _onPacket(packet) {
    const { type, data } = packet;
    this._tell("packet", packet);
    if (type === "open") {
      let handshake;
      try {
        handshake = JSON.parse(data);
      } catch (error) {
        return this._onError(error);
      }
      this._onHandshake(handshake);
    } else if (type === "ping") {
      this._sendPacket("pong");
      this._tell("ping");
      this._expectPing();
    } else if (type === "error") {
      this._onError(Object.assign(new Error("server error"), { code: data }));
    } else if (type === "message") {
      this._tell("data", data ?? "");
    }
  }
  _expectPing() {
    this._stopPingTimer?.();
    this._pingDeadline = Date.now() + this._pingDelay;
    this._stopPingTimer = later(this._pingDelay, () => this._onClose("ping timeout"));
  }
  _sendPacket(type, data = "") {
    if (this.readyState === "closing" || this.readyState === "closed") return;
    const packet = { type, data };
    this._tell("packetCreate", packet);
    this.writeBuffer.push(packet);
    this._flush();
  }
  _flush() {
    const { transport, writeBuffer } = this;
    if (!transport?.writable || this.upgrading || !writeBuffer.length) return;
    let end = -1;
    if (transport.name === "polling") {
      let size = -1;
      end = writeBuffer.findIndex(({ data = "" }, index) => {
        size += 1 + this._encodedSize(data);
        return index && size > this._maxPayload;
      });
    }
    const packets = writeBuffer.slice(0, end < 0 ? void 0 : end);
    this._inFlight = packets.length;
    transport.send(packets);
  }
  /** Returns the size of a packet in bytes, as the transport would send it. */
  _encodedSize(data) {
    const size = sizeOf(data);
    if (typeof data === "string") return 1 + size;
    return this.transport.name === "polling" || this.opts.forceBase64 ? 1 + Math.ceil(size / 3) * 4 : size;
  }
  _onDrain() {
    this.writeBuffer.splice(0, this._inFlight);
    this._inFlight = 0;
    if (this.writeBuffer.length) this._flush();
    else this._tell("drain");
  }
  _onError(error) {
    priorWebsocketSuccess = false;
    if (this.opts.tryAllTransports && this.transports.length > 1 && this.readyState === "opening") {
      this.transports.shift();
      return this._open();
    }
    this._tell("error", error);
    this._onClose("transport error", error);
  }
  _onClose(reason, details) {
    if (this.readyState === "closed") return;
    this._stopPingTimer?.();
    for (const cleanup of this._cleanups) cleanup();
    this.transport?.off().close();
    this.readyState = "closed";
    this.id = "";
    this._tell("close", reason, details);
    this.writeBuffer = [];
  }
};
Engine.prototype.write = Engine.prototype.send;

// src/packet.ts
var RESERVED = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];
function isReserved(event) {
  return RESERVED.includes(event);
}
var KINDS = ["undefined object", "undefined", "array", "array", "string object", "array", "array"];
function isValid({ type, data }) {
  const isEvent = type === 2 /* EVENT */ || type === 5 /* BINARY_EVENT */;
  const kind = Array.isArray(data) ? "array" : data === null ? "null" : typeof data;
  if (!KINDS[type]?.includes(kind)) return false;
  const [name] = isEvent ? data : [0];
  return typeof name === "number" || typeof name === "string" && !isReserved(name);
}

// src/parser/json.ts
var MAX_ATTACHMENTS = 10;
var Encoder = class {
  encode(packet) {
    let { type } = packet;
    const { data, id, nsp } = packet;
    const attachments = [];
    let replacer;
    if ((type === 2 /* EVENT */ || type === 3 /* ACK */) && hasBinary(data)) {
      type += 5 /* BINARY_EVENT */ - 2 /* EVENT */;
      replacer = function(key, value) {
        const binary = isBinary(this[key]) ? this[key] : value;
        return isBinary(binary) ? { _placeholder: true, num: attachments.push(binary) - 1 } : value;
      };
    }
    const payload = JSON.stringify(data, replacer) ?? "";
    return [
      `${type}${replacer ? `${attachments.length}-` : ""}${nsp === "/" ? "" : `${nsp},`}${id ?? ""}${payload}`,
      ...attachments
    ];
  }
};
var Decoder = class extends Emitter {
  add(message) {
    const isText = typeof message === "string";
    if (isText === !!this._waiting) throw new Error(`unexpected ${isText ? "text" : "binary"}`);
    if (isText) {
      this._waiting = decode(message);
      this._buffers = [];
    } else this._buffers.push(message);
    const packet = this._waiting;
    const buffers = this._buffers;
    if (packet.attachments > buffers.length) return;
    this.destroy();
    if (packet.attachments !== void 0) {
      packet.data = fill(packet.data, buffers);
      delete packet.attachments;
    }
    if (packet.type >= 5 /* BINARY_EVENT */) packet.type -= 5 /* BINARY_EVENT */ - 2 /* EVENT */;
    this._tell("decoded", packet);
  }
  destroy() {
    this._waiting = void 0;
  }
};
function hasBinary(value, isJson) {
  if (!value || typeof value !== "object") return false;
  if (isBinary(value)) return true;
  const { toJSON } = value;
  if (typeof toJSON === "function" && !isJson) return hasBinary(toJSON.call(value), true);
  return Object.values(value).some((item) => hasBinary(item));
}
var FORMAT = /^([0-6])(?:(\d+)-)?(?:(\/[^,]*)(?:,|$))?(\d*)/;
function decode(message) {
  const [head = "", type = "", attachments, nsp = "/", id] = FORMAT.exec(message) ?? [];
  const payload = message.slice(head.length);
  const packet = { type: +type, nsp };
  if (id) packet.id = +id;
  if (payload) packet.data = JSON.parse(payload);
  if (attachments) packet.attachments = +attachments;
  const isBinaryPacket = packet.type >= 5 /* BINARY_EVENT */;
  if (!head || isBinaryPacket !== !!attachments || +attachments > MAX_ATTACHMENTS || !isValid(packet)) {
    throw new Error(`invalid packet: ${message.slice(0, 99)}`);
  }
  return packet;
}
function fill(value, buffers) {
  if (!value || typeof value !== "object") return value;
  const { _placeholder, num } = value;
  if (_placeholder === true) {
    if (typeof num !== "number" || !buffers[num]) throw new Error("invalid attachments");
    return buffers[num];
  }
  const container = value;
  for (const key of Object.keys(container)) container[key] = fill(container[key], buffers);
  return value;
}

// src/socket.ts
var Socket = class extends Emitter {
  constructor(io2, nsp, _options = {}) {
    super();
    this.io = io2;
    this.nsp = nsp;
    this._options = _options;
    this.connected = false;
    /** Whether the server has restored id, rooms and what was missed. */
    this.recovered = false;
    /** What came before the connection to the namespace was confirmed. */
    this.receiveBuffer = [];
    /** What was emitted while there was no connection. */
    this.sendBuffer = [];
    this._flags = {};
    this._nextId = 0;
    this._acks = /* @__PURE__ */ new Map();
    this._queue = [];
    this._any = [];
    this._anyOutgoing = [];
    this.auth = _options.auth;
    if (io2._autoConnect) this.connect();
  }
  get disconnected() {
    return !this.connected;
  }
  /** Whether the socket connects again by itself. */
  get active() {
    return !!this._subscriptions;
  }
  /** Connects, if it does not do so by itself. */
  connect() {
    const { io: io2 } = this;
    if (this.connected) return this;
    if (!this._subscriptions) {
      this._subscriptions = [
        io2._subscribe("open", () => this._onOpen()),
        io2._subscribe("packet", (packet) => this._onPacket(packet)),
        io2._subscribe("error", (error) => {
          if (!this.connected) this._tell("connect_error", error);
        }),
        io2._subscribe("close", (reason, details) => this._onClose(reason, details))
      ];
    }
    if (!io2._reconnecting) io2.open();
    if (io2._readyState === "open") this._onOpen();
    return this;
  }
  /** Disconnects; it does not connect again by itself. */
  disconnect() {
    if (this.connected) this._send({ type: 1 /* DISCONNECT */ });
    this._destroy();
    if (this.connected) this._onClose("io client disconnect");
    return this;
  }
  /** Emits an event named "message". */
  send(...args) {
    return this._emit("message", args);
  }
  /**
   * Emits an event to the server. If the last argument is a function, it is called with the acknowledgement.
   *
   * Throws if the name is reserved, and if the server would not take so much.
   */
  emit(event, ...args) {
    return this._emit(event, args);
  }
  /** Emits an event and returns the acknowledgement; it fails when the time that was given is over. */
  emitWithAck(event, ...args) {
    return new Promise((resolve, reject) => {
      const ack = (error, answer) => error ? reject(error) : resolve(answer);
      ack._errorFirst = true;
      this._emit(event, [...args, ack]);
    });
  }
  /** Sets whether the next event may be compressed. */
  compress(value) {
    this._flags._compress = value;
    return this;
  }
  /** The next event is dropped if it cannot be sent now. */
  get volatile() {
    this._flags._volatile = true;
    return this;
  }
  /** Sets how many milliseconds the next event waits for its acknowledgement, which is then told of an error first. */
  timeout(milliseconds) {
    this._flags._timeout = milliseconds;
    return this;
  }
  /** Calls a function at every event that comes. */
  onAny(listener) {
    this._any.push(listener);
    return this;
  }
  /** The same, before those that are there. */
  prependAny(listener) {
    this._any.unshift(listener);
    return this;
  }
  /** Removes such a function, or all. */
  offAny(listener) {
    this._any = without(this._any, listener);
    return this;
  }
  listenersAny() {
    return this._any;
  }
  /** Calls a function at every event that is sent. */
  onAnyOutgoing(listener) {
    this._anyOutgoing.push(listener);
    return this;
  }
  /** The same, before those that are there. */
  prependAnyOutgoing(listener) {
    this._anyOutgoing.unshift(listener);
    return this;
  }
  /** Removes such a function, or all. */
  offAnyOutgoing(listener) {
    this._anyOutgoing = without(this._anyOutgoing, listener);
    return this;
  }
  listenersAnyOutgoing() {
    return this._anyOutgoing;
  }
  // Sending
  _emit(event, rest) {
    if (isReserved(event)) throw new Error(`"${String(event)}" is a reserved event name`);
    const args = [event, ...rest];
    const flags = this._flags;
    this._flags = {};
    if (this._options.retries && !flags._fromQueue && !flags._volatile) {
      this._enqueue(args, flags);
      return this;
    }
    const packet = { type: 2 /* EVENT */, nsp: this.nsp, data: args };
    packet.options = { compress: flags._compress !== false };
    const last = args[args.length - 1];
    if (typeof last === "function") {
      args.pop();
      packet.id = this._nextId++;
      this._expectAck(packet.id, last, flags._timeout ?? this._options.ackTimeout);
    }
    const engine = this.io.engine;
    if (flags._volatile && !engine?.transport?.writable) return this;
    if (this.connected && !engine?._hasPingExpired()) this._sendEvent(packet, true);
    else this.sendBuffer.push(packet);
    return this;
  }
  _expectAck(id, ack, timeout) {
    if (timeout === void 0) {
      this._acks.set(id, ack);
      return;
    }
    const stop = later(timeout, () => {
      this._acks.delete(id);
      this.sendBuffer = this.sendBuffer.filter((packet) => packet.id !== id);
      ack.call(this, new Error("operation has timed out"));
    });
    const timed = (...args) => {
      stop();
      ack.apply(this, args);
    };
    timed._errorFirst = true;
    this._acks.set(id, timed);
  }
  /** Sends an event; what is too large fails here, as the server would only close the connection. */
  _sendEvent(packet, now) {
    for (const listener of [...this._anyOutgoing]) listener.apply(this, packet.data);
    try {
      this._send(packet);
    } catch (error) {
      const ack = this._acks.get(packet.id);
      this._acks.delete(packet.id);
      if (ack?._errorFirst) ack(error);
      else if (now) throw error;
      else console.error(error);
    }
  }
  _send(packet) {
    this.io._packet({ ...packet, nsp: this.nsp });
  }
  // At least once: one event at a time, until it is acknowledged
  _enqueue(args, flags) {
    const last = args[args.length - 1];
    const ack = typeof last === "function" ? args.pop() : void 0;
    const event = { _args: args, _flags: { ...flags, _fromQueue: true }, _tries: 0, _pending: false };
    const settle = (error, ...answer) => {
      if (event !== this._queue[0]) return;
      const isLost = error?.maxPayload || event._tries > this._options.retries;
      if (!error || isLost) {
        this._queue.shift();
        if (error) ack?.(error);
        else ack?.(null, ...answer);
      }
      event._pending = false;
      this._drainQueue();
    };
    settle._errorFirst = true;
    args.push(settle);
    this._queue.push(event);
    this._drainQueue();
  }
  _drainQueue(force) {
    const [event] = this._queue;
    if (!event || !this.connected || event._pending && !force) return;
    event._pending = true;
    event._tries++;
    this._flags = event._flags;
    this._emit(event._args[0], event._args.slice(1));
  }
  // Receiving
  _onOpen() {
    const connect = (auth) => {
      const pid = this._pid;
      this._send({ type: 0 /* CONNECT */, data: pid ? { pid, offset: this._lastOffset, ...auth } : auth || void 0 });
    };
    if (typeof this.auth === "function") this.auth(connect);
    else connect(this.auth);
  }
  _onPacket({ nsp, type, data, id }) {
    if (nsp !== this.nsp) return;
    switch (type) {
      case 0 /* CONNECT */:
        if (data?.sid) this._onConnect(data.sid, data.pid);
        else {
          this._tell("connect_error", new Error("the server speaks Socket.IO 2"));
        }
        break;
      case 2 /* EVENT */:
      case 5 /* BINARY_EVENT */:
        if (id !== void 0) data.push(this._ackOf(id));
        if (this.connected) this._deliver(data);
        else this.receiveBuffer.push(data);
        break;
      case 3 /* ACK */:
      case 6 /* BINARY_ACK */: {
        const ack = this._acks.get(id);
        this._acks.delete(id);
        ack?.apply(this, ack._errorFirst ? [null, ...data] : data);
        break;
      }
      case 1 /* DISCONNECT */:
        this._destroy();
        this._onClose("io server disconnect");
        break;
      case 4 /* CONNECT_ERROR */:
        this._destroy();
        this._tell(
          "connect_error",
          Object.assign(new Error(data.message ?? data), { data: data.data })
        );
    }
  }
  /** Returns the function that acknowledges an event; only the first call counts. */
  _ackOf(id) {
    let sent = false;
    return (...args) => {
      if (!sent) this._send({ type: 3 /* ACK */, id, data: args });
      sent = true;
    };
  }
  _deliver(args) {
    for (const listener of [...this._any]) listener.apply(this, args);
    this._fire(args[0], args.slice(1));
    const last = args[args.length - 1];
    if (this._pid && args.length > 1 && typeof last === "string") this._lastOffset = last;
  }
  _onConnect(id, pid) {
    this.id = id;
    this.recovered = !!pid && pid === this._pid;
    this._pid = pid;
    this.connected = true;
    for (let args; args = this.receiveBuffer.shift(); ) this._deliver(args);
    for (let packet; this.connected && (packet = this.sendBuffer.shift()); ) this._sendEvent(packet, false);
    this._drainQueue(true);
    this._tell("connect");
  }
  /** Leaves the manager, which closes the connection if nobody else needs it. */
  _destroy() {
    for (const unsubscribe of this._subscriptions ?? []) unsubscribe();
    this._subscriptions = void 0;
    this.io._destroy();
  }
  _onClose(reason, details) {
    this.connected = false;
    this.id = void 0;
    this._tell("disconnect", reason, details);
    for (const [id, ack] of [...this._acks]) {
      if (this.sendBuffer.some((packet) => packet.id === id)) continue;
      this._acks.delete(id);
      if (ack._errorFirst) ack.call(this, new Error("socket has been disconnected"));
    }
  }
};
Socket.prototype.open = Socket.prototype.connect;
Socket.prototype.close = Socket.prototype.disconnect;
function without(listeners, listener) {
  return listener ? withoutFirst(listeners, (other) => other === listener) : [];
}

// src/manager.ts
var Manager = class extends Emitter {
  constructor(uri, options) {
    super();
    /** The sockets by namespace. */
    this.nsps = {};
    this._readyState = "closed";
    this._reconnecting = false;
    this._skipReconnect = false;
    this._cleanups = [];
    if (typeof uri === "object") {
      options = uri;
      uri = void 0;
    }
    const opts = this.opts = options ?? {};
    opts.path || (opts.path = "/socket.io");
    this.uri = uri;
    this._settings = {
      enabled: opts.reconnection !== false,
      attempts: opts.reconnectionAttempts || Infinity,
      timeout: opts.timeout ?? 2e4,
      min: opts.reconnectionDelay || 1e3,
      max: opts.reconnectionDelayMax || 5e3,
      jitter: opts.randomizationFactor ?? 0.5
    };
    this.backoff = new Backoff(this._settings);
    const parser = opts.parser ?? { Encoder, Decoder };
    this.encoder = new parser.Encoder();
    this.decoder = new parser.Decoder();
    this.decoder.on("decoded", (packet) => queueMicrotask(() => this._tell("packet", packet)));
    this._autoConnect = opts.autoConnect !== false;
    if (this._autoConnect) this.open();
  }
  reconnection(value) {
    if (value !== void 0 && !(value = !!value)) this._skipReconnect = true;
    return this._setting("enabled", value);
  }
  reconnectionAttempts(value) {
    return this._setting("attempts", value);
  }
  reconnectionDelay(value) {
    return this._setting("min", value);
  }
  reconnectionDelayMax(value) {
    return this._setting("max", value);
  }
  randomizationFactor(value) {
    return this._setting("jitter", value);
  }
  timeout(value) {
    return this._setting("timeout", value);
  }
  /** Connects; the callback is told of the first outcome, and then there are no further attempts. */
  open(callback) {
    if (this._readyState !== "closed") return this;
    const engine = this.engine = new Engine(this.uri, this.opts);
    this._readyState = "opening";
    this._skipReconnect = false;
    const fail = (error) => {
      this._cleanup();
      this._readyState = "closed";
      this._tell("error", error);
      if (callback) callback(error);
      else if (!this._reconnecting && this._settings.enabled && !this.backoff.attempts) this._reconnect();
    };
    const opened = () => {
      this._onOpen();
      callback?.();
    };
    this._cleanups.push(engine._subscribe("open", opened), engine._subscribe("error", fail));
    const { timeout } = this._settings;
    if (timeout !== false) {
      this._cleanups.push(
        later(timeout, () => {
          fail(new Error("timeout"));
          engine.close();
        })
      );
    }
    return this;
  }
  /** Returns the socket of a namespace. */
  socket(nsp, options) {
    const socket = this.nsps[nsp];
    if (!socket) return this.nsps[nsp] = new Socket(this, nsp, options);
    if (this._autoConnect && !socket.active) socket.connect();
    return socket;
  }
  /** Sends a packet; throws if the server would not take it. */
  _packet(packet) {
    const messages = this.encoder.encode(packet);
    for (const message of messages) this.engine._checkSize(message);
    for (const message of messages) this.engine.write(message);
  }
  /** Closes the connection if no socket needs it any more. */
  _destroy() {
    if (!Object.values(this.nsps).some((socket) => socket.active)) this._close();
  }
  _close() {
    this._skipReconnect = true;
    this._reconnecting = false;
    this._onClose("forced close");
  }
  _setting(name, value) {
    if (value === void 0) return this._settings[name];
    this._settings[name] = value;
    return this;
  }
  _onOpen() {
    this._cleanup();
    this._readyState = "open";
    this._tell("open");
    const { engine, decoder } = this;
    this._cleanups.push(
      engine._subscribe("ping", () => this._tell("ping")),
      engine._subscribe("data", (message) => {
        try {
          decoder.add(message);
        } catch (error) {
          this._onClose("parse error", error);
        }
      }),
      engine._subscribe("error", (error) => this._tell("error", error)),
      engine._subscribe("close", (reason, details) => this._onClose(reason, details)),
      engine._subscribe("upgrade", (transport) => this._tell("upgrade", transport.name)),
      engine._subscribe("upgradeError", (error) => this._tell("upgrade_error", error)),
      () => decoder.destroy()
    );
  }
  _cleanup() {
    for (const cleanup of this._cleanups.splice(0)) cleanup();
  }
  _onClose(reason, details) {
    this._cleanup();
    this.engine?.close();
    this.backoff.reset();
    this._readyState = "closed";
    this._tell("close", reason, details);
    if (this._settings.enabled && !this._skipReconnect) this._reconnect();
  }
  _reconnect() {
    if (this._reconnecting || this._skipReconnect) return;
    const { backoff } = this;
    if (backoff.attempts >= this._settings.attempts) {
      backoff.reset();
      this._tell("reconnect_failed");
      return;
    }
    this._reconnecting = true;
    const attempt = () => {
      for (const stop of waits) stop();
      if (this._skipReconnect) return;
      this._tell("reconnect_attempt", backoff.attempts);
      if (this._skipReconnect) return;
      this.open((error) => {
        this._reconnecting = false;
        if (error) {
          this._reconnect();
          this._tell("reconnect_error", error);
        } else {
          const { attempts } = backoff;
          backoff.reset();
          this._tell("reconnect", attempts);
        }
      });
    };
    const waits = [
      later(backoff.duration(), attempt),
      listen(globalThis, "online", attempt),
      listenToVisibility(attempt)
    ];
    this._cleanups.push(...waits);
  }
};
Manager.prototype.connect = Manager.prototype.open;

// src/io.ts
var managers = {};
function io(uri, options) {
  if (uri && typeof uri === "object") {
    options = uri;
    uri = "";
  }
  options || (options = {});
  const { source, path, query } = parseUrl(uri);
  const key = source + (options.path || "/socket.io");
  const cached = managers[key];
  const isNew = options.forceNew || options["force new connection"] || options.multiplex === false || cached && path in cached.nsps;
  if (Object.keys(query).length) options = { ...options, query };
  const manager = isNew ? new Manager(source, options) : cached ?? (managers[key] = new Manager(source, options));
  return manager.socket(path, options);
}

// src/index.ts
var protocol = 5;

// src/script.ts
exported = Object.assign(io, index_exports);
return exported});
//# sourceMappingURL=socket.io.js.map
