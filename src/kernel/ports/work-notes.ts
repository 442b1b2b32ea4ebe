// The port for what long work of operators notes of itself: few and small texts of JSON by name, one for all processes that share the
// store, kept over restarts.
export interface WorkNotes {
  read<Value>(name: string): Promise<Value | undefined>;
  write(name: string, value: unknown): Promise<void>;
}
