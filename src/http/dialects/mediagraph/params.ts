// The parameters of a request, wherever its client puts them: query (`ids[]=1&ids[]=2`, `a,b`), JSON body, or a form.

export class Params {
  private readonly values = new Map<string, readonly string[]>();

  constructor(url: string, body?: unknown) {
    const query = new URLSearchParams(url.includes('?') ? url.slice(url.indexOf('?') + 1) : '');
    for (const [name, value] of query) this.add(name, [value]);
    for (const [name, value] of Object.entries(objectIn(body))) this.add(name, textsOf(value));
  }

  has(name: string): boolean {
    return this.values.has(name);
  }

  /** The last one given; `undefined` for none, and for an empty one. */
  text(name: string): string | undefined {
    const text = this.values.get(name)?.at(-1);
    return text === '' ? undefined : text;
  }

  /** All that were given, and each of them in its parts. */
  list(name: string): readonly string[] | undefined {
    const given = this.values.get(name);
    return given?.flatMap((value) => value.split(',').map((part) => part.trim())).filter((part) => part !== '');
  }

  flag(name: string): boolean {
    return /^(?:true|1)$/i.test(this.text(name) ?? '');
  }

  /** A whole number of `least` to `most`, the nearest to what was given; `otherwise` for none. */
  whole(name: string, otherwise: number, least: number, most: number): number {
    const number = Number.parseInt(this.text(name) ?? '', 10);
    return Number.isNaN(number) ? otherwise : Math.min(most, Math.max(least, number));
  }

  private add(given: string, values: readonly string[]): void {
    const name = given.replace(/\[\]$/, '');
    this.values.set(name, [...(this.values.get(name) ?? []), ...values]);
  }
}

/** `value` where it is an object; else an empty one. */
export function objectIn(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}

/** A text, number or flag of JSON as a text, `''` for whatever else it is: an object may bring a `toString` of its own. */
export function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

function textsOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(textsOf);
  return typeof value === 'object' ? [] : [textOf(value)];
}
