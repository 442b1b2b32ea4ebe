// The kinds of values a setting can hold, each with its zod schema and the sentence that names its unit and range. Values
// come from YAML (already numbers, lists) or from the environment (always text): every kind reads both.
import { z } from 'zod';
import { ProofsheetError } from '../kernel/errors.js';
import { sequenceOf } from '../kernel/sequence.js';

/** What a value must be: the check, and the words for reports and tables. */
export interface Kind<T> {
  readonly schema: z.ZodType<T>;
  /** Unit and range, as in "expected <this>; got ...". */
  readonly expected: string;
}

interface Range {
  readonly min: number;
  readonly max: number;
}

const BYTES_PER_UNIT: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/** A whole number of `unit` (may be empty) from `min` to `max`. */
export function whole(unit: string, { min, max }: Range): Kind<number> {
  return {
    schema: z.preprocess(numberFromText, z.int().min(min).max(max)),
    expected: `${unit === '' ? 'whole number' : unit}, ${min} to ${max}`,
  };
}

/** A list of 1 to `most` whole numbers of `unit`; in the environment separated by commas. */
export function wholes(unit: string, most: number, range: Range): Kind<readonly number[]> {
  const one = whole(unit, range);
  return {
    schema: z.preprocess(listFromText, z.array(one.schema).min(1).max(most)),
    expected: `list of 1 to ${most} ${one.expected}`,
  };
}

/** Bytes from `min` to `max`: a number, or a text such as `512MiB`, `1.5GiB`, `200 MB`. */
export function bytes({ min, max }: Range): Kind<number> {
  return {
    schema: z.preprocess(bytesFromText, z.int().min(min).max(max)),
    expected: `bytes (as 1048576, 512MiB, 1.5GiB or 200 MB), ${sizeText(min)} to ${sizeText(max)}`,
  };
}

/** What `kind` takes, or `auto`: decided from the machine. */
export function autoOr<T>(kind: Kind<T>): Kind<T | 'auto'> {
  return {
    schema: z.union([z.literal('auto'), kind.schema]),
    expected: `auto, or ${kind.expected}`,
  };
}

/** `true` or `false`; from the environment also `1`, `0`, `yes`, `no`, `on`, `off`. */
export function flag(): Kind<boolean> {
  return {
    schema: z.union([
      z.boolean(),
      z.stringbool({
        truthy: ['true', '1', 'yes', 'on'],
        falsy: ['false', '0', 'no', 'off'],
      }),
    ]),
    expected: 'true or false',
  };
}

/** A text that `pattern` accepts; `expected` says in words what that is. */
export function text(expected: string, pattern = /./): Kind<string> {
  return { schema: z.string().max(4096).regex(pattern), expected };
}

/** A text that `parse` takes, which throws what is wrong without repeating it: it may hold a secret. */
export function parsedText(expected: string, parse: (text: string) => unknown): Kind<string> {
  return {
    schema: z
      .string()
      .max(4096)
      .superRefine((given, context) => {
        const fault = faultOf(given, parse);
        if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
      }),
    expected,
  };
}

/** What `kind` takes, or nothing (`null` in YAML, unset in the environment): then the value is `undefined`. */
export function optional<T>(kind: Kind<T>): Kind<T | undefined> {
  return {
    schema: z.preprocess((given) => given ?? undefined, kind.schema.optional()),
    expected: `unset, or ${kind.expected}`,
  };
}

/** One of `choices`. */
export function choice<const C extends string>(choices: readonly C[]): Kind<C> {
  return { schema: z.enum(choices), expected: `one of ${choices.join(', ')}` };
}

/** A list without repeats of at least one of `choices`; in the environment separated by commas. */
export function choices<const C extends string>(all: readonly C[]): Kind<readonly C[]> {
  return {
    schema: z.preprocess(
      listFromText,
      z
        .array(z.enum(all))
        .min(1)
        .transform((chosen) => [...new Set(chosen)]),
    ),
    expected: `list of ${all.join(', ')}`,
  };
}

/** A list of texts that `pattern` and `accepts` accept, 1 to 100 of them; in the environment separated by commas. */
export function texts(expected: string, pattern: RegExp, accepts = (_: string) => true): Kind<readonly string[]> {
  return {
    schema: z.preprocess(
      listFromText,
      z
        .array(
          z
            .string()
            .regex(pattern)
            .refine((entry) => accepts(entry), 'an entry is malformed'),
        )
        .min(1)
        .max(100),
    ),
    expected,
  };
}

/** A list of 1 to `max` secrets, one a line in the environment, each checked by `parse`, which throws what is wrong without repeating it. */
export function secretLines(expected: string, max: number, parse: (text: string) => unknown): Kind<readonly string[]> {
  return {
    schema: z.preprocess(
      (given) => (typeof given === 'string' ? given.replace(/\r?\n$/, '').split(/\r?\n/) : given),
      z
        .array(z.string().regex(/^[^\p{Cc}]{1,1024}$/u))
        .min(1)
        .max(max)
        .superRefine((entries, context) => reportFaults(entries, context, parse)),
    ),
    expected,
  };
}

/** A list of 1 to `max` values that `parse` makes of texts; in the environment separated by commas. */
export function parsedList<T>(expected: string, max: number, parse: (text: string) => T): Kind<readonly T[]> {
  return {
    schema: z.preprocess(
      listFromText,
      z
        .array(z.string())
        .min(1)
        .max(max)
        .superRefine((entries, context) => reportFaults(entries, context, parse))
        .transform((entries) => entries.map(parse)),
    ),
    expected,
  };
}

/** Adds what `parse` says is wrong with an entry, by the entry's number alone: it may be a secret. */
function reportFaults(
  entries: readonly string[],
  context: { addIssue(issue: { code: 'custom'; message: string }): void },
  parse: (text: string) => unknown,
): void {
  for (const [index, entry] of entries.entries()) {
    const fault = faultOf(entry, parse);
    if (fault !== undefined) context.addIssue({ code: 'custom', message: `entry ${index + 1}: ${fault}` });
  }
}

function faultOf(given: string, parse: (text: string) => unknown): string | undefined {
  try {
    parse(given);
    return undefined;
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return error.message;
    throw error;
  }
}

/** Target formats, each checked by the grammar; in the environment separated by commas or, as the original takes too, semicolons. */
export function targetFormats(): Kind<readonly string[]> {
  return {
    schema: z.preprocess(
      formatsFromText,
      z
        .array(z.string())
        .min(1)
        .max(32)
        .superRefine((entries, context) => {
          for (const [index, entry] of entries.entries()) {
            const fault = faultOfFormat(entry);
            if (fault !== undefined)
              context.addIssue({
                code: 'custom',
                message: `entry ${index + 1} (${JSON.stringify(entry)}): ${fault}`,
              });
          }
        }),
    ),
    expected: 'list of 1 to 32 formats TYPE:WIDTHxHEIGHT[~SCALETYPE][~norotate][~expand][@QUALITY]',
  };
}

function faultOfFormat(entry: string): string | undefined {
  try {
    sequenceOf([entry]);
    return undefined;
  } catch (error) {
    if (error instanceof ProofsheetError) return error.message;
    throw error;
  }
}

/** Only plain decimal digits: `1e3`, `0x10` and ` 10` are more likely a slip than a wish. */
function numberFromText(given: unknown): unknown {
  return typeof given === 'string' && /^-?[0-9]{1,16}$/.test(given) ? Number(given) : given;
}

function bytesFromText(given: unknown): unknown {
  if (typeof given !== 'string') return given;
  const parts = /^([0-9]{1,16}(?:\.[0-9]{1,6})?) ?([a-z]{0,3})$/i.exec(given.trim());
  const perUnit = BYTES_PER_UNIT[parts?.[2]?.toLowerCase() ?? 'none'];
  return parts === null || perUnit === undefined ? given : Math.floor(Number(parts[1]) * perUnit);
}

function formatsFromText(given: unknown): unknown {
  return listFromText(typeof given === 'string' ? given.replaceAll(';', ',') : given);
}

function listFromText(given: unknown): unknown {
  if (typeof given !== 'string') return given;
  return given.split(',').map((entry) => entry.trim());
}

/** Bytes in the largest binary unit that divides them: 1048576 is `1MiB`. */
function sizeText(count: number): string {
  for (const [unit, size] of [
    ['TiB', 2 ** 40],
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const)
    if (count >= size && count % size === 0) return `${count / size}${unit}`;
  return `${count}`;
}
