// Whether an answer is what the OpenAPI document of its server says: operation, status, headers, media type, and JSON by its
// schema. The schemas are compiled by Ajv as 2020-12, which is OpenAPI 3.1's own dialect.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { OpenApiDocument, Operation, PathItem } from '../../src/http/openapi/openapi-types.js';
import { SEVERAL_SEGMENTS } from '../../src/http/openapi/operations.js';

/** An answer as far as it is checked. `text`: only of JSON that is at hand. */
export interface CheckedAnswer {
  readonly verb: string;
  /** Without the query, as sent. */
  readonly path: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text?: string;
}

interface Documented {
  readonly headers?: Readonly<Record<string, { readonly schema: object }>>;
  readonly content?: Readonly<Record<string, { readonly schema: object }>>;
}

const ROOT = 'https://document.invalid/openapi.json';

export class AnswerCheck {
  private readonly ajv = new Ajv2020({ strict: false, allErrors: true, allowUnionTypes: true });
  private readonly compiled = new Map<string, ValidateFunction>();
  private readonly templates: readonly { readonly pattern: RegExp; readonly path: string }[];

  constructor(readonly document: OpenApiDocument) {
    // The types of the package are those of a module of another kind.
    (formats as unknown as (ajv: Ajv2020) => void)(this.ajv);
    this.ajv.addSchema({ ...document, $id: ROOT }, ROOT);
    // Of two that fit, the one with more of its own words.
    this.templates = Object.entries(document.paths)
      .map(([path, item]) => ({ path, pattern: patternOf(path, item), names: path.split('{').length }))
      .toSorted((a, b) => a.names - b.names);
  }

  /** The template of the documented path that `path` is, if any. */
  templateOf(path: string): string | undefined {
    return this.templates.find(({ pattern }) => pattern.test(path))?.path;
  }

  /** The operation that the document has for the path and the verb, if any. */
  operationOf({ path, verb }: Pick<CheckedAnswer, 'path' | 'verb'>): Operation | undefined {
    const template = this.templateOf(path);
    return template === undefined ? undefined : this.document.paths[template]?.[verb.toLowerCase()];
  }

  /** What of the answer the document does not say, in a sentence each; none where it is no operation of the document. */
  faultsOf(answer: CheckedAnswer): readonly string[] {
    const template = this.templateOf(answer.path);
    const verb = answer.verb.toLowerCase();
    const operation = this.operationOf(answer);
    if (template === undefined || operation === undefined) return [];
    const where = `${answer.verb} ${template} ${answer.status}`;
    const pointer = ['paths', template, verb, 'responses', String(answer.status)];
    const found = operation.responses[String(answer.status)];
    if (found === undefined) return [`${where}: no such status in the document`];
    const [documented, at] = this.resolved(found, pointer);
    return [...this.faultsOfHeaders(documented, at, answer), ...this.faultsOfBody(documented, at, answer)].map(
      (fault) => `${where}: ${fault}`,
    );
  }

  private faultsOfHeaders({ headers = {} }: Documented, at: readonly string[], answer: CheckedAnswer): string[] {
    return Object.keys(headers).flatMap((name) => {
      const value = answer.headers.get(name);
      if (value === null) return [`no header ${name}`];
      return this.faultsOfValue([...at, 'headers', name, 'schema'], value).map((fault) => `header ${name}: ${fault}`);
    });
  }

  private faultsOfBody({ content = {} }: Documented, at: readonly string[], answer: CheckedAnswer): string[] {
    const type = answer.headers.get('content-type')?.split(';', 1)[0]?.trim();
    if (type === undefined)
      return Object.keys(content).length === 0 || answer.verb === 'HEAD' ? [] : ['no Content-Type'];
    if (answer.verb === 'HEAD') return [];
    if (content[type] === undefined) return [`a body of ${type}, which is not in the document`];
    if (answer.text === undefined) return [];
    return this.faultsOfValue([...at, 'content', type, 'schema'], JSON.parse(answer.text));
  }

  private faultsOfValue(pointer: readonly string[], value: unknown): string[] {
    const reference = `${ROOT}#/${pointer.map(encoded).join('/')}`;
    const validate = this.compiled.get(reference) ?? this.ajv.compile({ $ref: reference });
    this.compiled.set(reference, validate);
    return validate(value) ? [] : [this.ajv.errorsText(validate.errors)];
  }

  /** What `found` refers to, and where that stands. */
  private resolved(found: object, pointer: readonly string[]): readonly [Documented, readonly string[]] {
    if (!('$ref' in found)) return [found, pointer];
    const name = String(found.$ref).split('/').at(-1) ?? '';
    return [this.document.components.responses[name] as Documented, ['components', 'responses', name]];
  }
}

/** `/x/{a}` as a pattern in which each name is one segment, or several where its parameter says so; with a slash behind it, too. */
function patternOf(path: string, item: PathItem): RegExp {
  const parameters = Object.values(item).flatMap(({ parameters = [] }) => parameters);
  const isLong = (name: string) => parameters.some((each) => each.name === name && each[SEVERAL_SEGMENTS] === true);
  const pattern = path
    .replace(/[.+*?^$()|[\]\\]/g, '\\$&')
    .replace(/\{(\w+)\}/g, (_, name: string) => (isLong(name) ? '.+' : '[^/]+'));
  return new RegExp(`^${pattern}/?$`);
}

function encoded(part: string): string {
  return encodeURIComponent(part.replace(/~/g, '~0').replace(/\//g, '~1'));
}
