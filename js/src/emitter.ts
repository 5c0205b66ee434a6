import type { EventNames, EventParams, EventsMap, Listener, NoEvents } from "./types";

export type AnyFunction = (...args: never[]) => unknown;

interface Registration {
  _listener: AnyFunction;
  _once: boolean;
}

/**
 * Calls listeners by the name of an event. Source: `@socket.io/component-emitter`.
 *
 * A listener that is removed or added while an event is emitted changes nothing for that event.
 */
export class Emitter<Listen extends EventsMap, Emit extends EventsMap, Reserved extends EventsMap = NoEvents> {
  private _registered: Record<string, Registration[]> = Object.create(null);

  /** Calls a function at every event of this name. */
  on<Event extends EventNames<Reserved> | EventNames<Listen>>(
    event: Event,
    listener: Listener<Reserved, Listen, Event>,
  ): this {
    return this._add(event, listener, false);
  }

  /** Calls a function at the next event of this name. */
  once<Event extends EventNames<Reserved> | EventNames<Listen>>(
    event: Event,
    listener: Listener<Reserved, Listen, Event>,
  ): this {
    return this._add(event, listener, true);
  }

  /** Removes a listener; all of an event, or all there are, if less is given. */
  off<Event extends EventNames<Reserved> | EventNames<Listen>>(
    event?: Event,
    listener?: Listener<Reserved, Listen, Event>,
  ): this {
    if (!arguments.length) this._registered = Object.create(null);
    else if (arguments.length < 2) this._registered[event as string] = [];
    else this._remove(event, (entry) => entry._listener === listener);
    return this;
  }

  /** Calls the listeners of an event. */
  emit<Event extends EventNames<Emit>>(event: Event, ...args: EventParams<Emit, Event>): this {
    this._fire(event, args);
    return this;
  }

  /** Returns the listeners of an event. */
  listeners<Event extends EventNames<Reserved> | EventNames<Listen>>(event: Event): Listener<Reserved, Listen, Event>[] {
    return this._of(event).map((entry) => entry._listener as Listener<Reserved, Listen, Event>);
  }

  /** Says whether an event has listeners. */
  hasListeners(event: EventNames<Reserved> | EventNames<Listen>): boolean {
    return !!this._of(event).length;
  }

  declare addEventListener: this["on"];
  declare removeListener: this["off"];
  declare removeEventListener: this["off"];
  declare removeAllListeners: this["off"];

  /** Emits an event of the library itself. Only for the library. */
  _tell<Event extends EventNames<Reserved>>(event: Event, ...args: EventParams<Reserved, Event>): void {
    this._fire(event, args);
  }

  /** Listens to an event of the library itself until the function that is returned is called. Only for the library. */
  _subscribe<Event extends EventNames<Reserved>>(event: Event, listener: Reserved[Event]): () => void {
    this._add(event, listener, false);
    return () => this.off(event, listener);
  }

  protected _fire(event: unknown, args: readonly unknown[]): void {
    for (const entry of this._of(event)) {
      if (entry._once) this._remove(event, (other) => other === entry);
      entry._listener.apply(this, args as never[]);
    }
  }

  private _of(event: unknown): Registration[] {
    return this._registered[event as string] ?? [];
  }

  // Lists are replaced, not changed: they may be in use.

  private _remove(event: unknown, isIt: (entry: Registration) => boolean): void {
    this._registered[event as string] = withoutFirst(this._of(event), isIt);
  }

  private _add(event: unknown, _listener: AnyFunction, _once: boolean): this {
    this._registered[event as string] = [...this._of(event), { _listener, _once }];
    return this;
  }
}

/** Returns a list without the first item for which a function is true. */
export function withoutFirst<Item>(list: readonly Item[], isIt: (item: Item) => boolean): Item[] {
  const index = list.findIndex(isIt);
  return list.filter((_, place) => place !== index);
}

const methods = Emitter.prototype;
methods.addEventListener = methods.on;
methods.removeListener = methods.removeEventListener = methods.removeAllListeners = methods.off;
