// What several operations of a document share, told once: schemas with a title, and failures of the same kind.
import type { Schema } from '../dialects/description.js';

export class Components {
  readonly schemas: Record<string, Schema> = {};
  readonly responses: Record<string, unknown> = {};

  /** `schema` as a reference where it has a title, with everything in it that has one told likewise. */
  schema(schema: Schema): Schema {
    const { title } = schema;
    const told = this.inner(schema) as Schema;
    if (typeof title !== 'string') return told;
    const known = this.schemas[title];
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(told))
      throw new RangeError(`expected one schema with the title ${title}, got two`);
    this.schemas[title] = told;
    return { $ref: `#/components/schemas/${title}` };
  }

  /** A reference to `response`, which is told under `name`. */
  response(name: string, response: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    this.responses[name] = response;
    return { $ref: `#/components/responses/${name}` };
  }

  private inner(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((entry) => this.inner(entry));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, child]) => [
        name,
        // A property may be called "title" too: only a schema, an object, has one that is a text.
        isTitled(child) ? this.schema(child) : this.inner(child),
      ]),
    );
  }
}

function isTitled(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && 'title' in value && typeof value.title === 'string';
}
