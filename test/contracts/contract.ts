// What a contract is: named cases over a subject. A backend passes all of them; a do-nothing backend fails them.
import { describe, it } from 'vitest';

export interface ContractCase<Subject> {
  readonly name: string;
  run(subject: Subject): Promise<void>;
}

/** With every field that there is, at every depth: where a new one is missing, an expectation of this type does not compile. */
export type Whole<T> = T extends string | number | boolean | null
  ? T
  : T extends readonly (infer One)[]
    ? readonly Whole<One>[]
    : { readonly [Name in keyof T]-?: Whole<Exclude<T[Name], undefined>> };

/** A subject for one case, empty at first, and what ends it. */
export interface Opened<Subject> {
  readonly subject: Subject;
  close(): Promise<void>;
}

export type Open<Subject> = () => Promise<Opened<Subject>>;

/** Registers every case as a test of its own, each on a newly opened subject. */
export function describeContract<Subject>(
  name: string,
  cases: readonly ContractCase<Subject>[],
  open: Open<Subject>,
): void {
  describe(name, () => {
    for (const { name: behaviour, run } of cases) {
      it(behaviour, async () => {
        const opened = await open();
        try {
          await run(opened.subject);
        } finally {
          await opened.close();
        }
      });
    }
  });
}

/** The names of the cases that a subject passes. */
export async function passedCases<Subject>(
  cases: readonly ContractCase<Subject>[],
  open: Open<Subject>,
): Promise<string[]> {
  const passed: string[] = [];
  for (const { name, run } of cases) {
    const opened = await open();
    try {
      await run(opened.subject);
      passed.push(name);
    } catch {
      // The case rejected the subject, which is what the caller wants to know.
    } finally {
      await opened.close();
    }
  }
  return passed;
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
