import { encodeAsText, encodePacket, type EnginePacket } from "../engine_packet";
import { Transport } from "../transport";

/** In Node.js the constructor takes headers as well. */
type Constructor = new (
  uri: string,
  options?: string | string[] | { protocols?: string | string[] | undefined; headers: Record<string, string> },
) => WebSocket;

/** Source: the Engine.IO protocol, "WebSocket". */
export class WS extends Transport {
  private _ws: WebSocket | undefined;

  get name(): string {
    return "websocket";
  }

  protected _doOpen(): void {
    const { timestampRequests, protocols, extraHeaders } = this.opts;
    let ws: WebSocket;
    try {
      const Socket = globalThis.WebSocket as unknown as Constructor;
      ws = new Socket(
        this._uri("ws", !!timestampRequests),
        extraHeaders && typeof self === "undefined" ? { protocols, headers: extraHeaders } : protocols,
      );
    } catch (error) {
      queueMicrotask(() => this._tell("error", error as Error));
      return;
    }
    this._ws = ws;
    ws.binaryType = "arraybuffer";
    ws.onopen = () => this._onOpen();
    // Not before what came has been handled: in Node.js both may come at once.
    ws.onclose = (context) =>
      queueMicrotask(() => this._onClose({ description: "websocket connection closed", context }));
    ws.onmessage = (event: MessageEvent<string | ArrayBuffer>) => this._onData(event.data);
    ws.onerror = (event) => this._onError("websocket error", event);
  }

  protected _doClose(): void {
    this._ws?.close();
  }

  protected _write(packets: EnginePacket[]): void {
    this.writable = false;
    if (this.opts.forceBase64) {
      void Promise.all(packets.map(encodeAsText)).then((encoded) => this._sendAll(encoded));
    } else this._sendAll(packets.map(encodePacket));
  }

  private _sendAll(encoded: (string | ArrayBuffer | ArrayBufferView | Blob)[]): void {
    // If it has been closed meanwhile, an event will tell.
    for (const data of encoded) this._ws!.send(data as string);
    queueMicrotask(() => {
      this.writable = true;
      this._tell("drain");
    });
  }
}
