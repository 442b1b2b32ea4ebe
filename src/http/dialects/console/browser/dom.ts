// Elements and texts of the page. Everything that came from outside becomes text, never markup: the page's policy forbids that too.
/// <reference lib="dom" />

export type Child = Node | string;

/** An element with attributes and children; `false` leaves an attribute out. */
export function el<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string | number | boolean>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes))
    if (value !== false) element.setAttribute(key, value === true ? '' : String(value));
  element.append(...children);
  return element;
}

/** The element of that id, which the page has. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`expected an element #${id}`);
  return element;
}

/** Sets a text where it is another one, so that nothing is drawn, or read aloud, for nothing. */
export function say(id: string, text: string): void {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
}

const shown = new Map<string, string>();

/** Fills a place anew where `value` is another than last time; what had the focus there has it again. */
export function fill(id: string, value: unknown, draw: () => readonly Child[]): void {
  const text = JSON.stringify(value);
  if (shown.get(id) === text) return;
  shown.set(id, text);
  const place = byId(id);
  const focused = place.contains(document.activeElement) ? document.activeElement?.getAttribute('data-focus') : null;
  place.replaceChildren(...draw());
  if (focused !== null && focused !== undefined)
    for (const candidate of place.querySelectorAll<HTMLElement>('[data-focus]'))
      if (candidate.dataset.focus === focused) candidate.focus({ preventScroll: true });
}

export interface Column<Row> {
  readonly title: string;
  readonly isNumber?: boolean;
  readonly cell: (row: Row) => Child;
}

/** A table whose first column names the row; in a narrow window each row is a card. */
export function table<Row>(
  caption: string,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  none: string,
): Child {
  if (rows.length === 0) return el('p', { class: 'note' }, none);
  const head = columns.map(({ title, isNumber }) => el('th', { scope: 'col', class: isNumber ? 'n' : '' }, title));
  const cell = ({ title, isNumber, cell: of }: Column<Row>, row: Row, at: number) =>
    at === 0
      ? el('th', { scope: 'row', 'data-label': title }, of(row))
      : el('td', { class: isNumber ? 'n' : '', 'data-label': title }, of(row));
  return el(
    'table',
    { class: 'stack' },
    el('caption', { class: 'unseen' }, caption),
    el('thead', {}, el('tr', {}, ...head)),
    el('tbody', {}, ...rows.map((row) => el('tr', {}, ...columns.map((column, at) => cell(column, row, at))))),
  );
}

export function button(text: string, name: string, act: () => void): HTMLButtonElement {
  const made = el('button', { type: 'button', 'data-focus': name }, text);
  made.addEventListener('click', act);
  return made;
}

/** A context, and whether it is meant as that of its assets' previews. */
export interface Place {
  readonly context: string;
  readonly isOfLibrary: boolean;
}

/** As the page names it. */
export function placeOf({ context, isOfLibrary }: Place): Child {
  const name = context === '' ? el('i', {}, 'the default one') : el('code', {}, context);
  return isOfLibrary ? el('span', {}, 'library of ', name) : name;
}

/** As the server is asked for it. */
export function queryOf(key: string, { context, isOfLibrary }: Place): URLSearchParams {
  return new URLSearchParams({ key, context, ...(isOfLibrary && { library: 'yes' }) });
}

const NUMBER = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 });

export function number(value: number): string {
  return NUMBER.format(value);
}

/** `1 picture`, `2 pictures` */
export function counted(value: number, noun: string): string {
  return `${number(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** `1.5 MiB` */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, value < 1 ? 0 : Math.floor(Math.log2(value) / 10));
  return `${number(value / 1_024 ** power)} ${units[power]}`;
}

export function percent(part: number, whole: number): string {
  return whole > 0 ? `${number((100 * part) / whole)} %` : '–';
}

/** `350 ms`, `12 s`, `3 min`, `2 h`, `5 d` */
export function duration(ms: number): string {
  const steps: readonly (readonly [number, string])[] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1_000, 's'],
  ];
  const [size, unit] = steps.find(([least]) => ms >= least) ?? [1, 'ms'];
  return `${number(Math.round((10 * ms) / size) / 10)} ${unit}`;
}

/** How long ago that was, with the time itself for who points at it. */
export function ago(at: number | string): HTMLElement {
  const date = new Date(at);
  const ms = Math.max(0, Date.now() - date.getTime());
  return el(
    'time',
    { datetime: date.toISOString(), title: date.toISOString() },
    ms < 1_000 ? 'now' : `${duration(ms)} ago`,
  );
}

/** What the server answers, parsed; throws its own message where that is a failure. */
export async function ask<Answer>(path: string, verb: 'GET' | 'POST' = 'GET'): Promise<Answer> {
  const answer = await fetch(`${document.body.dataset.base}${path}`, { method: verb });
  const body = (await answer.json()) as Answer & { readonly message?: string };
  if (!answer.ok) throw new Error(body.message ?? `status ${answer.status}`);
  return body;
}

/** Tells what came of a click, aloud too. */
export function tell(text: string): void {
  say('told', text);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
