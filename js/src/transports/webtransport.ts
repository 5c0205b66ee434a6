import { bytesOf, isBlob, toBytes } from "../binary";
import { encodePacket, type EnginePacket } from "../engine_packet";
import { Transport } from "../transport";

/** One bidirectional stream of HTTP/3. Source: the Engine.IO protocol, "WebTransport". */
export class WT extends Transport {
  private _connection: WebTransport | undefined;
  private _writer: WritableStreamDefaultWriter<Uint8Array> | undefined;

  get name(): string {
    return "webtransport";
  }

  protected _doOpen(): void {
    this._connect().catch((error: unknown) => this._fail(error));
  }

  protected _doClose(): void {
    this._connection?.close();
  }

  protected _write(packets: EnginePacket[]): void {
    this.writable = false;
    void (async () => {
      try {
        for (const packet of packets) {
          const data = encodePacket(packet);
          await this._writer!.write(frame(isBlob(data) ? await data.arrayBuffer() : data));
        }
      } catch {
        return; // The connection is closed, which is told by itself.
      }
      this.writable = true;
      this._tell("drain");
    })();
  }

  private _fail(error: unknown): void {
    this._onError("webtransport error", error);
  }

  private async _connect(): Promise<void> {
    const options = this.opts.transportOptions?.webtransport as WebTransportOptions;
    const connection = (this._connection = new WebTransport(this._uri("http", false), options));
    connection.closed.then(
      () => this._onClose(),
      (error) => this._fail(error),
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
  private async _read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    let buffer = new Uint8Array();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const joined = new Uint8Array(buffer.length + value.length);
      joined.set(buffer);
      joined.set(value, buffer.length);
      buffer = joined;
      for (let frame; (frame = firstFrame(buffer)); ) {
        buffer = buffer.slice(frame.end);
        this._onData(frame.data);
      }
    }
  }
}

/** How many bytes the size has, by its short form: 126 and 127 announce a long one. */
function widthOf(short: number): 0 | 2 | 8 {
  return short < 126 ? 0 : short < 127 ? 2 : 8;
}

/** Returns a frame: a header, which tells the size and whether the data is binary, and the data. */
function frame(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
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

/** Returns the data of the first frame and where it ends, if all of it is there. */
function firstFrame(buffer: Uint8Array): { data: string | ArrayBuffer; end: number } | undefined {
  const view = new DataView(buffer.buffer);
  const short = buffer[0]! & 127;
  const start = 1 + widthOf(short);
  if (buffer.length < start) return undefined;
  const size = short < 126 ? short : short < 127 ? view.getUint16(1) : Number(view.getBigUint64(1));
  const end = start + size;
  if (buffer.length < end) return undefined;
  const data = buffer.slice(start, end);
  return { data: buffer[0]! & 128 ? data.buffer : new TextDecoder().decode(data), end };
}
