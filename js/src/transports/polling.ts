import { encodeAsText, type EnginePacket, SEPARATOR } from "../engine_packet";
import { Transport } from "../transport";

/** HTTP long-polling, by `fetch`. Source: the Engine.IO protocol, "HTTP long-polling". */
export class Polling extends Transport {
  private _isPolling?: boolean;
  private _onPause?: () => void;

  get name(): string {
    return "polling";
  }

  override _pause(onPause: () => void): void {
    this._onPause = onPause;
    this.readyState = "pausing";
    this._checkPause();
  }

  override _resume(): void {
    this.readyState = "open";
    if (!this._isPolling) this._poll();
  }

  protected _doOpen(): void {
    this._poll();
  }

  protected _doClose(): void {
    // It goes out although the page may be about to go.
    if (this.readyState === "open") this._request("1", true).catch(() => {});
  }

  protected _write(packets: EnginePacket[]): void {
    this.writable = false;
    void Promise.all(packets.map(encodeAsText)).then(async (encoded) => {
      try {
        await this._request(encoded.join(SEPARATOR));
      } catch (error) {
        return this._fail("xhr post error", error as Error);
      }
      this.writable = true;
      this._tell("drain");
      this._checkPause();
    });
  }

  private _checkPause(): void {
    if (this.readyState === "pausing" && !this._isPolling && this.writable) {
      this.readyState = "paused";
      this._onPause!();
    }
  }

  private _poll(): void {
    this._isPolling = true;
    void this._request().then(
      (payload) => this._onPayload(payload),
      (error: Error) => this._fail("xhr poll error", error),
    );
  }

  private _onPayload(payload: string): void {
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
  private _fail(reason: string, context: Error & { status?: number }): void {
    this._onError(reason, context.status ?? 0, context);
  }

  /** Sends a request and returns the body of the response, which must be a good one. */
  private async _request(body?: string, keepalive?: boolean): Promise<string> {
    const { timestampRequests, withCredentials, extraHeaders, requestTimeout } = this.opts;
    const response = await fetch(this._uri("http", timestampRequests !== false), {
      method: body === undefined ? "GET" : "POST",
      body: body ?? null,
      headers: extraHeaders ?? {},
      credentials: withCredentials ? "include" : "same-origin",
      signal: requestTimeout ? AbortSignal.timeout(requestTimeout) : null,
      keepalive: !!keepalive,
    });
    const responseText = await response.text();
    const { ok, status } = response;
    if (!ok) throw Object.assign(new Error(responseText), { status, responseText });
    return responseText;
  }
}
