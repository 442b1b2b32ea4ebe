// The OpenAPI document as a page for people: one self-contained HTML document without scripts, made on the server. Pure.
import { type Html, html, type Page, pageOf } from '../status/status-html.js';
import type { OpenApiDocument, Operation } from './openapi-types.js';
import { READING_STYLE } from './reading-style.js';

/** Where the document of one dialect is. */
export interface NamedDocument {
  readonly name: string;
  readonly path: string;
}

/** `jsonPath`: where the document itself is; `alone`: those of one dialect each, some of which are no part of it. */
export function readingPage(document: OpenApiDocument, jsonPath: string, alone: readonly NamedDocument[]): Page {
  const placed = Object.entries(document.paths).flatMap(([path, item]) =>
    // The same as GET without the body, or under another verb: told with the first.
    Object.entries(item).map(([verb, operation]) => ({ path, verb, operation })),
  );
  const body = html`<header>
<h1>Proofsheet API</h1>
<p>version ${String(document.info.version)} · <a href="${jsonPath}">OpenAPI ${document.openapi}</a></p>
<p>${coded(String(document.info.description))}</p>
<p>Documents of one each: ${alone.map(({ name, path }, at) => html`${at === 0 ? '' : ', '}<a href="${path}">${name}</a>`)}</p>
</header>
<nav aria-label="Operations">${document.tags.map(
    ({ name }) =>
      html`<h2>${name}</h2><ul>${primaryOf(placed, name).map(
        ({ operation }) => html`<li><a href="#${operation.operationId}">${operation.operationId}</a></li>`,
      )}</ul>`,
  )}</nav>
<main>${document.tags.map(({ name, description }) => {
    const operations = primaryOf(placed, name);
    const failureForm = failureFormOf(operations, document);
    return html`<h2>${name}</h2><p>${description}</p>${
      failureForm === undefined ? '' : html`<p>Failures are ${failureForm} where nothing else is said.</p>`
    }${operations.map((each) => section(each, placed, document, failureForm))}`;
  })}
<h2>Who may ask</h2>
<dl>${Object.entries(document.components.securitySchemes).map(
    ([name, scheme]) => html`<dt><code>${name}</code></dt><dd>${coded(textOf(scheme, 'description'))}</dd>`,
  )}</dl>
<h2>Failures</h2>
<dl>${[...failuresIn(document)].map(([code, { name, words }]) => html`<dt id="f${code}"><code>${code} ${name}</code></dt><dd>${coded(words)}</dd>`)}</dl>
<h2>Shapes</h2>${Object.entries(document.components.schemas).map(
    ([name, schema]) => html`<section id="schema-${name}"><h3>${name}</h3>${json(schema)}</section>`,
  )}
</main>`;
  return pageOf('Proofsheet API', READING_STYLE, body);
}

interface Placed {
  readonly path: string;
  readonly verb: string;
  readonly operation: Operation;
}

/** Of those with one path and one summary the first: the others are it by another verb. */
function primaryOf(placed: readonly Placed[], tag: string): readonly Placed[] {
  const first = new Map<string, Placed>();
  for (const each of placed) if (each.operation.tags.includes(tag) && !first.has(each.path)) first.set(each.path, each);
  return [...first.values()];
}

/** `failureForm`: what is said of failures before. */
function section(
  { path, operation }: Placed,
  placed: readonly Placed[],
  document: OpenApiDocument,
  failureForm: Html | undefined,
): Html {
  const verbs = placed.filter((each) => each.path === path).map(({ verb }) => verb.toUpperCase());
  const { operationId, summary, description, parameters = [], requestBody, security, responses } = operation;
  return html`<section id="${operationId}">
<h3>${operationId}</h3>
<p class="target">${verbs.map((verb) => html`<b>${verb}</b> `)}<code>${path}</code></p>
<p>${coded(summary)}. ${coded(description ?? '')}</p>
<p class="soft">Opened by: ${openers(security)}</p>
${
  parameters.length === 0
    ? ''
    : html`<div class="wide"><table><thead><tr><th scope="col">Parameter</th><th scope="col">In</th><th scope="col">What</th></tr></thead><tbody>${parameters.map(
        (parameter) =>
          html`<tr><td><code>${textOf(parameter, 'name')}</code></td><td>${textOf(parameter, 'in')}</td><td>${coded(textOf(parameter, 'description'))}${exampleOf(parameter)}</td></tr>`,
      )}</tbody></table></div>`
}
${requestBody === undefined ? '' : html`<p>Takes ${listed(Object.keys(requestBody.content ?? {}))}. ${coded(textOf(requestBody, 'description'))}</p>`}
<div class="wide"><table><thead><tr><th scope="col">Status</th><th scope="col">Answer</th></tr></thead><tbody>${Object.entries(
    responses,
  ).map(([status, response]) => {
    const answer = answerOf(response, document);
    const form = formOf(answer);
    const isSaid = form.text === failureForm?.text && failuresOf(answer.description).length > 0;
    return html`<tr><td>${status}</td><td>${answerWords(answer.description)} ${isSaid ? '' : form}</td></tr>`;
  })}</tbody></table></div>
</section>`;
}

interface AnswerWords {
  readonly description: string;
  readonly types: readonly string[];
  readonly schemas: readonly string[];
}

/** A response, wherever it stands; what it holds is ours, so its shape is known. */
function answerOf(response: object, { components }: OpenApiDocument): AnswerWords {
  const told =
    '$ref' in response ? (components.responses[String(response.$ref).split('/').at(-1) ?? ''] as object) : response;
  const content: Readonly<Record<string, object>> = 'content' in told ? (told.content as never) : {};
  const references = JSON.stringify(content).matchAll(/#\/components\/schemas\/(\w+)/g);
  return {
    description: textOf(told, 'description'),
    types: Object.keys(content),
    schemas: [...new Set([...references].map(([, name = '']) => name))],
  };
}

/** The media types and schemas of an answer. */
function formOf({ types, schemas }: AnswerWords): Html {
  return html`${codes(types)} ${schemas.map((name) => html`<a href="#schema-${name}">${name}</a> `)}`;
}

/** The form of most failures of some operations; `undefined` where there are none. */
function failureFormOf(operations: readonly Placed[], document: OpenApiDocument): Html | undefined {
  const forms = operations
    .flatMap(({ operation }) => Object.values(operation.responses).map((response) => answerOf(response, document)))
    .filter(({ description }) => failuresOf(description).length > 0)
    .map(formOf);
  const counts = new Map<string, number>();
  for (const { text } of forms) counts.set(text, (counts.get(text) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return forms.find(({ text }) => counts.get(text) === most);
}

interface FailureWords {
  readonly code: string;
  readonly name: string;
  readonly words: string;
}

/** The failures that a response is; none where it is told in other words. */
function failuresOf(description: string): readonly FailureWords[] {
  const found = description.matchAll(/`(\d{4}) ([a-z-]+)`: (.+?\.)(?= `\d{4} |$)/g);
  return [...found].map(([, code = '', name = '', words = '']) => ({ code, name, words }));
}

/** By code, in order: most operations fail alike, so that how is told once. */
function failuresIn(document: OpenApiDocument): ReadonlyMap<string, FailureWords> {
  const responses = Object.values(document.paths).flatMap((item) =>
    Object.values(item).flatMap((operation) => Object.values(operation.responses)),
  );
  const failures = responses.flatMap((response) => failuresOf(answerOf(response, document).description));
  return new Map(failures.sort((a, b) => Number(a.code) - Number(b.code)).map((failure) => [failure.code, failure]));
}

function answerWords(description: string): readonly Html[] {
  const failures = failuresOf(description);
  if (failures.length === 0) return coded(description);
  return failures.map(({ code, name }) => html`<a href="#f${code}">${code} ${name}</a> `);
}

function openers(security: Operation['security']): string {
  if (security.length === 0) return 'everybody';
  return security.map((all) => Object.keys(all).join(' with ') || 'everybody').join(', or ');
}

function exampleOf(parameter: object): Html {
  const example = textOf(parameter, 'example');
  return example === '' ? html`` : html` For example <code>${example}</code>`;
}

function codes(texts: readonly string[]): readonly Html[] {
  return texts.map((text) => html`<code>${text}</code> `);
}

/** One, or another. */
function listed(texts: readonly string[]): readonly Html[] {
  return texts.map((text, at) => html`${at === 0 ? '' : at === texts.length - 1 ? ' or ' : ', '}<code>${text}</code>`);
}

/** What stands between backticks as code. */
function coded(text: string): readonly Html[] {
  return text.split('`').map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : html`${part}`));
}

function json(value: unknown): Html {
  return html`<pre tabindex="0">${JSON.stringify(value, undefined, 2)}</pre>`;
}

function textOf(value: unknown, name: string): string {
  const held = (value as Readonly<Record<string, unknown>>)[name];
  return typeof held === 'string' ? held : '';
}
