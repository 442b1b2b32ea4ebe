// The port for what long work of operators notes of itself: few and small texts of JSON by name, one for all processes that share the
// store, kept over restarts.
export interface WorkNotes {
  /** What it is, is looked at by who asks: of another version it may be anything, and who can write to a store can write anything. */
  read(name: string): Promise<unknown>;
  write(name: string, value: unknown): Promise<void>;
}
