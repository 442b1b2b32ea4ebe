// What is sent to a receiver, whoever writes it.

/** What a dialect says to a receiver. */
export interface Letter {
  /** JSON. */
  readonly body: string;
  /** Of its own, beside those that every webhook has. */
  readonly headers: Readonly<Record<string, string>>;
}
