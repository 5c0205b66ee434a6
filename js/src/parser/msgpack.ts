import { bytesOf, isBlob } from "../binary";
import { Emitter } from "../emitter";
import { isValid, type Packet } from "../packet";
import type { NoEvents } from "../types";

/** One message for each packet. Source: `socket.io-msgpack-parser`; MessagePack as `notepack.io` writes it. */
export class Encoder {
  encode({ type, nsp, data, id, options }: Packet): Uint8Array[] {
    const fields: Record<string, unknown> = { type, data, options, nsp };
    if (id !== undefined) fields.id = id;
    return [new Writer().encode(fields)];
  }
}

/** Turns messages into packets. */
export class Decoder extends Emitter<NoEvents, NoEvents, { decoded: (packet: Packet) => void }> {
  add(message: string | ArrayBuffer): void {
    if (typeof message === "string") throw new Error("got text, where MessagePack is binary");
    const packet = new Reader(message).decode() as Packet | undefined;
    const { type, nsp, id } = packet ?? {};
    if (typeof nsp !== "string" || !isValid(packet!) || (id !== undefined && !Number.isInteger(id))) {
      throw new Error(`invalid packet of type ${type}`);
    }
    this._tell("decoded", packet!);
  }

  destroy(): void {}
}

class Writer {
  private _bytes = new Uint8Array(256);
  private _view = new DataView(this._bytes.buffer);
  private _size = 0;

  encode(value: unknown): Uint8Array {
    this._write(value);
    return this._bytes.slice(0, this._size);
  }

  /** Makes room, and returns where it begins. */
  private _take(size: number): number {
    const start = this._size;
    this._size += size;
    if (this._size > this._bytes.length) {
      const larger = new Uint8Array(this._size * 2);
      larger.set(this._bytes);
      this._bytes = larger;
      this._view = new DataView(larger.buffer);
    }
    return start;
  }

  private _number(prefix: number, width: 1 | 2 | 4 | 8, value: number): void {
    const at = this._take(1 + width);
    const view = this._view;
    view.setUint8(at, prefix);
    if (width === 1) view.setUint8(at + 1, value);
    else if (width === 2) view.setUint16(at + 1, value);
    else if (width === 4) view.setUint32(at + 1, value);
    else view.setBigInt64(at + 1, BigInt(value));
  }

  private _byte(value: number): void {
    const at = this._take(1);
    this._view.setUint8(at, value);
  }

  private _append(bytes: Uint8Array): void {
    const at = this._take(bytes.length);
    this._bytes.set(bytes, at);
  }

  /** Writes the head of something that has a size: short ones have it in the first byte. */
  private _head(size: number, short: number, limit: number, first: number, hasByte: boolean): void {
    if (size < limit) this._byte(short | size);
    else if (hasByte && size < 0x100) this._number(first, 1, size);
    else if (size < 0x10000) this._number(first + +hasByte, 2, size);
    else this._number(first + +hasByte + 1, 4, size);
  }

  private _write(value: unknown): void {
    if (value === undefined) {
      for (const byte of [0xd4, 0, 0]) this._byte(byte);
    } else if (value === null) this._byte(0xc0);
    else if (typeof value === "boolean") this._byte(value ? 0xc3 : 0xc2);
    else if (typeof value === "number") this._writeNumber(value);
    else if (typeof value === "string") {
      const bytes = new TextEncoder().encode(value);
      this._head(bytes.length, 0xa0, 32, 0xd9, true);
      this._append(bytes);
    } else if (typeof value === "object") this._writeObject(value);
    else throw new Error(`MessagePack has no ${typeof value}`);
  }

  private _writeNumber(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      const at = this._take(9);
      this._view.setUint8(at, 0xcb);
      this._view.setFloat64(at + 1, value);
    } else if (value >= 0) {
      if (value < 0x80) this._byte(value);
      else if (value < 0x100) this._number(0xcc, 1, value);
      else if (value < 0x10000) this._number(0xcd, 2, value);
      else if (value < 0x100000000) this._number(0xce, 4, value);
      else this._number(0xcf, 8, value);
    } else if (value >= -0x20) this._byte(value);
    else if (value >= -0x80) this._number(0xd0, 1, value);
    else if (value >= -0x8000) this._number(0xd1, 2, value);
    else if (value >= -0x80000000) this._number(0xd2, 4, value);
    else this._number(0xd3, 8, value);
  }

  private _writeObject(value: object): void {
    const { toJSON } = value as { toJSON?: () => unknown };
    if (value instanceof Date) {
      const at = this._take(10);
      this._view.setUint16(at, 0xd700);
      this._view.setBigInt64(at + 2, BigInt(+value || 0));
    } else if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
      const bytes = bytesOf(value);
      this._head(bytes.length, 0, 0, 0xc4, true);
      this._append(bytes);
    } else if (isBlob(value)) {
      throw new Error("a Blob cannot be sent as MessagePack: take its arrayBuffer()");
    } else if (Array.isArray(value)) {
      this._head(value.length, 0x90, 16, 0xdc, false);
      for (const item of value) this._write(item);
    } else if (typeof toJSON === "function") this._write(toJSON.call(value));
    else {
      const entries = Object.entries(value).filter(([, item]) => typeof item !== "function");
      this._head(entries.length, 0x80, 16, 0xde, false);
      for (const entry of entries) entry.forEach((item) => this._write(item));
    }
  }
}

class Reader {
  private _position = 0;
  private readonly _view: DataView;

  constructor(private readonly _buffer: ArrayBuffer) {
    this._view = new DataView(_buffer);
  }

  decode(): unknown {
    const value = this._read();
    if (this._position !== this._buffer.byteLength) throw new Error("trailing bytes");
    return value;
  }

  /** Returns where the next bytes begin; what is not there is a RangeError. */
  private _skip(size: number): number {
    const start = this._position;
    this._position += size;
    return start;
  }

  private _unsigned(width: number): number {
    const at = this._skip(width);
    const view = this._view;
    if (width === 1) return view.getUint8(at);
    if (width === 2) return view.getUint16(at);
    if (width === 4) return view.getUint32(at);
    return Number(view.getBigUint64(at));
  }

  private _bytes(size: number): Uint8Array {
    return new Uint8Array(this._buffer, this._skip(size), size);
  }

  private _text(size: number): string {
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(this._bytes(size));
  }

  private _array(size: number): unknown[] {
    const items: unknown[] = [];
    while (size--) items.push(this._read());
    return items;
  }

  private _map(size: number): Record<string, unknown> {
    const fields: [string, unknown][] = [];
    while (size--) fields.push([String(this._read()), this._read()]);
    return Object.fromEntries(fields);
  }

  /** Reads an extension: a Date and undefined are of the type 0 and tell themselves apart by their size. */
  private _extension(size: number, isFixed: boolean): unknown {
    const type = this._unsigned(1);
    const bytes = this._bytes(size);
    if (type !== 0) return [type, bytes.slice().buffer];
    if (isFixed && size === 1) return undefined;
    if (isFixed && size === 8) return new Date(Number(this._view.getBigInt64(bytes.byteOffset)));
    return bytes.slice().buffer;
  }

  private _read(): unknown {
    const prefix = this._unsigned(1);
    const width = (first: number): number => 1 << (prefix - first);
    if (prefix < 0x80) return prefix;
    if (prefix < 0x90) return this._map(prefix & 15);
    if (prefix < 0xa0) return this._array(prefix & 15);
    if (prefix < 0xc0) return this._text(prefix & 31);
    if (prefix >= 0xe0) return prefix - 0x100;
    if (prefix === 0xc0) return null;
    if (prefix === 0xc2 || prefix === 0xc3) return prefix === 0xc3;
    if (prefix === 0xc1) throw new Error("0xc1 is no value");
    if (prefix < 0xc7) return this._bytes(this._unsigned(width(0xc4))).slice().buffer;
    if (prefix < 0xca) return this._extension(this._unsigned(width(0xc7)), false);
    if (prefix === 0xca) return this._view.getFloat32(this._skip(4));
    if (prefix === 0xcb) return this._view.getFloat64(this._skip(8));
    if (prefix < 0xd0) return this._unsigned(width(0xcc));
    if (prefix < 0xd4) {
      const size = width(0xd0);
      if (size === 8) return Number(this._view.getBigInt64(this._skip(8)));
      const shift = 32 - size * 8;
      return (this._unsigned(size) << shift) >> shift;
    }
    if (prefix < 0xd9) return this._extension(width(0xd4), true);
    if (prefix < 0xdc) return this._text(this._unsigned(width(0xd9)));
    if (prefix < 0xde) return this._array(this._unsigned(width(0xdb)));
    return this._map(this._unsigned(width(0xdd)));
  }
}
