export interface BackoffOptions {
  /** Milliseconds before the first retry. */
  min: number;
  /** Milliseconds that no delay is longer than. */
  max: number;
  /** How much a delay is changed at random: 0.5 is half up or down. */
  jitter: number;
}

/** The delays between attempts to reconnect: twice as long each time. Source: `socket.io-client`, contrib/backo2. */
export class Backoff {
  /** How many delays have been asked for. */
  attempts = 0;

  constructor(public options: BackoffOptions) {}

  /** Returns the next delay, in milliseconds. */
  duration(): number {
    const { min, max, jitter } = this.options;
    const delay = min * 2 ** this.attempts++;
    return Math.min(delay * (1 + jitter * (Math.random() * 2 - 1)), max) | 0;
  }

  /** Begins with the first delay again. */
  reset(): void {
    this.attempts = 0;
  }
}
