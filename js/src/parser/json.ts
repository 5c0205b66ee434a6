import { type Binary, isBinary } from "../binary";
import { Emitter } from "../emitter";
import { isValid, type Packet, PacketType } from "../packet";
import type { NoEvents } from "../types";

interface Placeholder {
  _placeholder: true;
  num: number;
}

/** How many binary messages may follow one packet. */
const MAX_ATTACHMENTS = 10;

/** Turns packets into text, with binary messages behind it. Source: the Socket.IO protocol, "Packet encoding". */
export class Encoder {
  encode(packet: Packet): (string | Binary)[] {
    let { type } = packet;
    const { data, id, nsp } = packet;
    const attachments: Binary[] = [];
    let replacer: ((this: Record<string, unknown>, key: string, value: unknown) => unknown) | undefined;
    if ((type === PacketType.EVENT || type === PacketType.ACK) && hasBinary(data)) {
      type += PacketType.BINARY_EVENT - PacketType.EVENT;
      replacer = function (key, value) {
        // A Buffer of Node.js has been made JSON already.
        const binary = isBinary(this[key]) ? this[key] : value;
        return isBinary(binary) ? { _placeholder: true, num: attachments.push(binary) - 1 } : value;
      };
    }
    const payload = JSON.stringify(data, replacer) ?? "";
    return [
      `${type}${replacer ? `${attachments.length}-` : ""}${nsp === "/" ? "" : `${nsp},`}${id ?? ""}${payload}`,
      ...attachments,
    ];
  }
}

/** Turns messages into packets. */
export class Decoder extends Emitter<NoEvents, NoEvents, { decoded: (packet: Packet) => void }> {
  private _waiting: Packet | undefined;
  private _buffers: ArrayBuffer[] | undefined;

  add(message: string | ArrayBuffer): void {
    const isText = typeof message === "string";
    if (isText === !!this._waiting) throw new Error(`unexpected ${isText ? "text" : "binary"}`);
    if (isText) {
      this._waiting = decode(message);
      this._buffers = [];
    } else this._buffers!.push(message);
    const packet = this._waiting!;
    const buffers = this._buffers!;
    if (packet.attachments! > buffers.length) return;
    this.destroy();
    if (packet.attachments !== undefined) {
      packet.data = fill(packet.data, buffers);
      delete packet.attachments;
    }
    if (packet.type >= PacketType.BINARY_EVENT) packet.type -= PacketType.BINARY_EVENT - PacketType.EVENT;
    this._tell("decoded", packet);
  }

  destroy(): void {
    this._waiting = undefined;
  }
}

/** Says whether there are bytes anywhere in a value. */
function hasBinary(value: unknown, isJson?: boolean): boolean {
  if (!value || typeof value !== "object") return false;
  if (isBinary(value)) return true;
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function" && !isJson) return hasBinary(toJSON.call(value), true);
  return Object.values(value).some((item) => hasBinary(item));
}

/** Type, number of attachments, namespace, id, data. */
const FORMAT = /^([0-6])(?:(\d+)-)?(?:(\/[^,]*)(?:,|$))?(\d*)/;

function decode(message: string): Packet {
  const [head = "", type = "", attachments, nsp = "/", id] = FORMAT.exec(message) ?? [];
  const payload = message.slice(head.length);
  const packet: Packet = { type: +type, nsp };
  if (id) packet.id = +id;
  if (payload) packet.data = JSON.parse(payload);
  if (attachments) packet.attachments = +attachments;
  const isBinaryPacket = packet.type >= PacketType.BINARY_EVENT;
  if (!head || isBinaryPacket !== !!attachments || +attachments! > MAX_ATTACHMENTS || !isValid(packet)) {
    throw new Error(`invalid packet: ${message.slice(0, 99)}`);
  }
  return packet;
}

/** Puts the bytes where their placeholders are. */
function fill(value: unknown, buffers: ArrayBuffer[]): unknown {
  if (!value || typeof value !== "object") return value;
  const { _placeholder, num } = value as Partial<Placeholder>;
  if (_placeholder === true) {
    if (typeof num !== "number" || !buffers[num]) throw new Error("invalid attachments");
    return buffers[num];
  }
  const container = value as Record<string, unknown>;
  for (const key of Object.keys(container)) container[key] = fill(container[key], buffers);
  return value;
}
