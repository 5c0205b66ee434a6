import { Manager, type ManagerOptions } from "./manager";
import type { Socket, SocketOptions } from "./socket";
import { parseUrl } from "./url";

/** Everything that `io()` takes. Source: client-options.md. */
export interface Options extends ManagerOptions, SocketOptions {
  /** Make a connection of its own. Default: false. */
  forceNew?: boolean;
  /** Use one connection for several namespaces. Default: true. */
  multiplex?: boolean;
  "force new connection"?: boolean;
}

/** The managers by what they are connected to. */
const managers: Record<string, Manager> = {};

/**
 * Returns a socket that connects to a server; by default to that of the page. The path of the URL is the namespace.
 *
 * Sockets of several namespaces of one server share a connection. Source: client-api.md, "io([url][, options])".
 */
export function io(options?: Options): Socket;
export function io(uri?: string | null, options?: Options | null): Socket;
export function io(uri?: string | Options | null, options?: Options | null): Socket {
  if (uri && typeof uri === "object") {
    options = uri;
    uri = "";
  }
  options ||= {};
  const { source, path, query } = parseUrl(uri);
  const key = source + (options.path || "/socket.io");
  const cached = managers[key];
  const isNew =
    options.forceNew || options["force new connection"] || options.multiplex === false || (cached && path in cached.nsps);
  if (Object.keys(query).length) options = { ...options, query };
  const manager = isNew ? new Manager(source, options) : (cached ?? (managers[key] = new Manager(source, options)));
  return manager.socket(path, options);
}
