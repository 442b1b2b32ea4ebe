// The operations of one route in a document: one for each verb and each path it has.
import type { Parameter, Schema } from '../dialects/description.js';
import type { Dialect } from '../dialects/dialect.js';
import type { Route } from '../dialects/route.js';
import { answersOf } from './answers.js';
import type { Components } from './components.js';
import { failureAnswersOf } from './failures.js';
import type { Operation } from './openapi-types.js';
import { securityOf } from './security.js';

/** An extension: the value of a parameter of the path may have slashes that are not encoded. */
export const SEVERAL_SEGMENTS = 'x-several-segments';

/** Of every upload: what is sent is checked by it. */
const CONTENT_DIGEST: Parameter = {
  name: 'Content-Digest',
  in: 'header',
  description: 'The SHA-256 of the source (RFC 9530); `Repr-Digest` means the same.',
  schema: { type: 'string' },
  example: 'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:',
};

type Placed = readonly [path: string, verb: string, operation: Operation];

export function operationsOfRoute(
  dialect: Dialect,
  route: Route,
  isOpen: boolean,
  components: Components,
): readonly Placed[] {
  const { path, verbs, description } = route;
  const { isLastOptional = false } = description;
  const shortened = path.replace(/\/[^/]*$/, '');
  return (isLastOptional ? [path, shortened] : [path]).flatMap((each, index) =>
    verbs.map((verb): Placed => {
      const operationId = idOf(route, verb) + (index === 0 ? '' : 'All');
      return [
        pathOf(dialect, each),
        verb.toLowerCase(),
        operationOf(dialect, route, verb, each, operationId, isOpen, components),
      ];
    }),
  );
}

/** What stands at the mount itself is asked for without a slash, too. Templates know no names of several segments: their parameter says so. */
function pathOf({ mount }: Dialect, path: string): string {
  return path === '/' && mount !== '' ? mount : mount + path.replaceAll('{+', '{');
}

/** The route's name by its first verb; by others with the verb in front: `headGetImage`. */
function idOf({ name, verbs }: Route, verb: string): string {
  return verb === verbs[0] ? name : verb.toLowerCase() + name.charAt(0).toUpperCase() + name.slice(1);
}

function operationOf(
  dialect: Dialect,
  route: Route,
  verb: string,
  path: string,
  operationId: string,
  isOpen: boolean,
  components: Components,
): Operation {
  const { summary, details, parameters = [] } = route.description;
  const hasBody = verb !== 'GET' && verb !== 'HEAD';
  const placed = [...parameters, ...(route.body === 'source' ? [CONTENT_DIGEST] : [])].filter((parameter) =>
    parameter.in === 'path' ? isIn(path, parameter.name) : parameter.in === 'query' || hasBody,
  );
  const body = hasBody ? requestBodyOf(route, components) : undefined;
  return {
    operationId,
    tags: [dialect.name],
    summary,
    ...(details !== undefined && { description: details }),
    security: securityOf(dialect, route, isOpen),
    ...(placed.length > 0 && {
      parameters: placed.map(({ name, in: place, description, schema, example }) => ({
        name,
        in: place,
        description,
        required: place === 'path',
        schema,
        example,
        ...(path.includes(`{+${name}}`) && { [SEVERAL_SEGMENTS]: true }),
      })),
    }),
    ...(body !== undefined && { requestBody: body }),
    responses: { ...answersOf(route, verb, components), ...failureAnswersOf(dialect, route, isOpen, components) },
  };
}

function isIn(path: string, name: string): boolean {
  return path.includes(`{${name}}`) || path.includes(`{+${name}}`);
}

function sourceForm(part: string): Schema {
  const source: Schema = {
    type: 'string',
    contentMediaType: 'application/octet-stream',
    description: 'The source’s bytes. Its file name goes into the metadata; what it is, its bytes say.',
  };
  return { type: 'object', properties: { [part]: source }, required: [part] };
}

/** The body itself, whatever its type says. */
const RAW_SOURCE = { 'image/*': {}, 'application/octet-stream': {} };

function requestBodyOf(
  { body, description, sourcePart = 'sourceImage', takesRawSource, takesBytes, isBodyLoose }: Route,
  components: Components,
): Operation['requestBody'] | undefined {
  if (body === 'source')
    return {
      required: description.isUploadOptional !== true,
      description: '`Content-Digest` or `Repr-Digest` (RFC 9530), of the request or of the part, is checked.',
      content: {
        // A form would be kept as it is where every byte is the source's.
        ...(!takesBytes && { 'multipart/form-data': { schema: sourceForm(sourcePart) } }),
        ...((takesRawSource || takesBytes) && RAW_SOURCE),
      },
    };
  if (body !== 'json' || description.takes === undefined) return undefined;
  const { schema, example } = description.takes;
  return {
    required: isBodyLoose !== true,
    content: { 'application/json': { schema: components.schema(schema), example } },
  };
}
