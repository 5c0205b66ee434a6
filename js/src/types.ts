/** The types of events, for those who describe theirs. Source: "TypeScript" in the official documentation. */

/** What `JSON.parse` returns: the type of what nobody has described. */
export type Untyped = ReturnType<typeof JSON.parse>;

/** Events by name; each one is the type of a function that takes its arguments. */
export interface EventsMap {
  [event: string]: Untyped;
}

/** Events that nobody has described. */
export interface DefaultEventsMap {
  [event: string]: (...args: Untyped[]) => void;
}

/** No events. */
export type NoEvents = Record<never, never>;

export type EventNames<Events extends EventsMap> = keyof Events & (string | symbol);

export type EventParams<Events extends EventsMap, Event extends EventNames<Events>> = Parameters<Events[Event]>;

/** The listener of an event that the library emits itself, or else of one of the user's. */
export type Listener<
  Reserved extends EventsMap,
  User extends EventsMap,
  Event extends EventNames<Reserved> | EventNames<User>,
> = Event extends EventNames<Reserved> ? Reserved[Event] : Event extends EventNames<User> ? User[Event] : never;

/** Sees every event. */
export type AnyEventListener = (event: string, ...args: Untyped[]) => void;

type Last<Args extends unknown[]> = Args extends [...unknown[], infer Final] ? Final : Untyped;

type AllButLast<Args extends unknown[]> = Args extends [...infer Head, unknown] ? Head : Untyped[];

/** The answer that an acknowledgement carries: its first argument. */
type Answer<Ack> = Ack extends (...args: infer Args) => void ? (Args extends [infer First, ...unknown[]] ? First : undefined) : Untyped;

/** An acknowledgement as it is called when there is a timeout: the error comes first. */
type WithError<Value> = Value extends (...args: infer Args) => infer Result
  ? (error: Error, ...args: Args) => Result
  : Value;

/** All events, with acknowledgements that are told of a timeout. */
export type WithTimeout<Events extends EventsMap> = {
  [Event in keyof Events]: Events[Event] extends (...args: infer Args) => infer Result
    ? (...args: { [Index in keyof Args]: WithError<Args[Index]> }) => Result
    : Events[Event];
};

/** What `emitWithAck` takes: the arguments of the event without the acknowledgement. */
export type ParamsWithoutAck<Events extends EventsMap, Event extends EventNames<Events>> = AllButLast<
  EventParams<Events, Event>
>;

type WithoutError<Args extends unknown[]> = Args extends [Error, ...infer Rest] ? Rest : Args;

/** What `emitWithAck` resolves to. */
export type AckAnswer<Events extends EventsMap, Event extends EventNames<Events>> = Last<
  EventParams<Events, Event>
> extends (...args: infer Args) => void
  ? Answer<(...args: WithoutError<Args>) => void>
  : Untyped;
