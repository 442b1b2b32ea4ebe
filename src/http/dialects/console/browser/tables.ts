// The sections that are lists: servers, what failed, what is refused, contexts, pictures, and the work of the library.
/// <reference lib="dom" />
import type { FailureStory } from '../../../../kernel/process-report.js';
import type { Overview, ServerLine, ShownSightings, StoreLimits } from '../../../../previews/overview.js';
import {
  ago,
  ask,
  button,
  bytes,
  type Child,
  counted,
  duration,
  el,
  fill,
  messageOf,
  number,
  type Place,
  percent,
  placeOf,
  queryOf,
  table,
  tell,
} from './dom.js';

export function showServers({ servers }: Overview): void {
  // Ages go by without anything being new.
  fill('body-servers', servers, () => [
    table<ServerLine>(
      'Servers and their processes',
      [
        { title: 'Server', cell: ({ node }) => el('code', {}, node) },
        { title: 'Process', isNumber: true, cell: ({ worker }) => String(worker) },
        { title: 'Version', cell: ({ version }) => version },
        { title: 'State', cell: ({ draining }) => (draining ? 'stopping' : 'serving') },
        { title: 'Up for', isNumber: true, cell: ({ startedAt, at }) => duration(at - startedAt) },
        { title: 'Requests/s', isNumber: true, cell: ({ rates }) => number(rates.requests) },
        { title: 'Memory', isNumber: true, cell: ({ levels }) => bytes(levels.memoryBytes) },
        { title: 'Longest wait', isNumber: true, cell: ({ levels }) => duration(levels.queueAgeMs) },
      ],
      servers,
      'No server has told anything.',
    ),
  ]);
}

export function showFailures(failures: readonly FailureStory[]): void {
  fill('body-failed', failures, () => [
    table<FailureStory>(
      'Requests that failed lately',
      [
        { title: 'When', cell: ({ at }) => ago(at) },
        { title: 'What', cell: ({ dialect, operation }) => `${operation} (${dialect})` },
        { title: 'Failure', cell: ({ error }) => el('code', { class: 'bad' }, error) },
        {
          title: 'Story',
          cell: ({ message, cause }) => el('span', {}, cause === undefined ? message : `${message}: ${cause}`),
        },
        {
          title: 'Asked for',
          cell: ({ path, context }) => el('code', {}, context === undefined ? path : `${path} in ${context}`),
        },
        { title: 'Request', cell: ({ requestId }) => el('code', {}, requestId) },
      ],
      failures,
      'Nothing has failed since these servers started, but for keys and bytes that are not known yet, and logins that were missing.',
    ),
  ]);
}

interface Refused {
  readonly source: string;
  readonly error: string;
  readonly message: string;
  readonly strikes: number;
  readonly isCertain: boolean;
  readonly until: string;
}

export async function showRefusals(): Promise<void> {
  const { refusals } = await ask<{ readonly refusals: readonly Refused[] }>('refusals');
  fill('body-refused', refusals, () => [
    table<Refused>(
      'Sources that are refused because they failed',
      [
        { title: 'Source', cell: ({ source }) => el('code', { title: source }, `${source.slice(0, 12)}…`) },
        { title: 'Failure', cell: ({ error }) => el('code', { class: 'bad' }, error) },
        { title: 'Story', cell: ({ message }) => message },
        { title: 'Times', isNumber: true, cell: ({ strikes }) => number(strikes) },
        {
          title: 'Until',
          cell: ({ until }) =>
            el('time', { datetime: until }, `in ${duration(Math.max(0, Date.parse(until) - Date.now()))}`),
        },
        {
          title: 'Do',
          cell: ({ source }) =>
            el(
              'span',
              { class: 'acts' },
              button('Forget', `forget ${source}`, () => void changed(source, 'forget')),
              ' ',
              button('Retry', `retry ${source}`, () => void changed(source, 'retry')),
            ),
        },
      ],
      refusals,
      'No source is refused.',
    ),
  ]);
}

const OUTCOMES: Readonly<Record<string, string>> = {
  made: 'Its previews were made of the kept source.',
  forgotten: 'Nothing is held against it any more: its next upload is tried.',
  unknown: 'Nothing was held against it.',
};

async function changed(source: string, act: 'forget' | 'retry'): Promise<void> {
  try {
    const { outcome, forgotten } = await ask<{ readonly outcome?: string; readonly forgotten?: boolean }>(
      `refusals/${source}/${act}`,
      'POST',
    );
    const came = outcome ?? (forgotten ? 'forgotten' : 'unknown');
    tell(`${source.slice(0, 12)}…: ${OUTCOMES[came] ?? came}`);
  } catch (error) {
    tell(`${source.slice(0, 12)}…: ${messageOf(error)}`);
  }
  await showRefusals();
}

interface Standing extends Place {
  readonly groups: number;
  readonly bytes: number;
}

export async function showContexts(by: string, limits: StoreLimits): Promise<void> {
  const { contexts } = await ask<{ readonly contexts: readonly Standing[] }>(`contexts?by=${by}`);
  const share = (value: number, most: number | undefined, name: string): Child =>
    most === undefined
      ? 'no quota'
      : el(
          'span',
          {},
          el('meter', { min: 0, max: most, high: 0.9 * most, value: Math.min(value, most), 'aria-label': name }),
          ` ${percent(value, most)}`,
        );
  fill('body-contexts', [contexts, limits], () => [
    table<Standing>(
      'What contexts have, and how much of their quotas that is',
      [
        { title: 'Context', cell: placeOf },
        { title: 'Groups', isNumber: true, cell: ({ groups }) => number(groups) },
        {
          title: 'Of its groups',
          isNumber: true,
          cell: ({ groups }) => share(groups, limits.contextMaxGroups, 'groups'),
        },
        { title: 'Bytes', isNumber: true, cell: (of) => bytes(of.bytes) },
        { title: 'Of its bytes', isNumber: true, cell: (of) => share(of.bytes, limits.contextMaxBytes, 'bytes') },
      ],
      contexts,
      'Nothing is cached.',
    ),
  ]);
}

const KINDS = [
  ['newest', 'Newest', (_figure: number, at: number) => ago(at)],
  ['largest', 'Largest sources', (figure: number) => bytes(figure)],
  ['asked', 'Most asked for lately', (figure: number) => counted(figure, 'time')],
] as const;

/** `open` shows the story of one. */
export function showPictures(sightings: ShownSightings, open: (key: string, place: Place) => void): void {
  fill('body-pictures', sightings, () =>
    KINDS.flatMap(([kind, title, told]) => [
      el('h3', {}, title),
      sightings[kind].length === 0
        ? el('p', { class: 'note' }, 'None yet.')
        : el(
            'ul',
            { class: 'sheet' },
            ...sightings[kind].map(({ imageKey, at, figure, ...place }) => {
              const { context, isOfLibrary } = place;
              const src = `${document.body.dataset.base}thumb?${queryOf(imageKey, place)}`;
              const item = button('', `${kind} ${isOfLibrary} ${context} ${imageKey}`, () => open(imageKey, place));
              const inLibrary = isOfLibrary ? ' in the library' : '';
              const where = `${imageKey}${inLibrary}${context === '' ? '' : ` ${isOfLibrary ? 'of' : 'in'} ${context}`}`;
              item.title = where;
              item.append(
                el('img', { src, alt: '', loading: 'lazy', width: 200, height: 150 }),
                el('span', {}, where),
                el('span', { class: 'note' }, told(figure, at)),
              );
              return el('li', {}, item);
            }),
          ),
    ]),
  );
}

interface Work {
  readonly usage: {
    readonly assets: number;
    readonly originals: number;
    readonly bytes: number;
    readonly openImports: number;
  };
  readonly queue: readonly { kind: string; waiting: number; delayed: number; claimed: number; dueForMs: number }[];
  readonly imports: readonly {
    id: string;
    context: string;
    dialect: string;
    items: number;
    ended: Readonly<Record<string, number>>;
    acceptedAt: string;
    finishedAt: string | null;
  }[];
  readonly receivers: readonly { context: string; receiver: string; failures: number; isDisabled: boolean }[];
}

export async function showWork(): Promise<void> {
  const { library } = await ask<{ readonly library: Work | null }>('work');
  fill('body-work', library, () =>
    library === null
      ? [el('p', { class: 'note' }, 'There is no library: no tenants are configured.')]
      : workOf(library),
  );
}

/** Tells the library's own operations something, and what came of it. */
async function told(path: string, done: string): Promise<void> {
  await ask(`../library/${path}`, 'POST').then(
    () => tell(done),
    (error: unknown) => tell(messageOf(error)),
  );
  await showWork();
}

function workOf({ usage, queue, imports, receivers }: Work): readonly Child[] {
  return [
    el(
      'p',
      {},
      `${counted(usage.assets, 'asset')}, ${bytes(usage.bytes)} of originals, ${counted(usage.openImports, 'open import')}`,
    ),
    el('h3', {}, 'Queue'),
    table<Work['queue'][number]>(
      'Jobs by kind',
      [
        { title: 'Kind', cell: ({ kind }) => kind },
        { title: 'Due', isNumber: true, cell: ({ waiting }) => number(waiting) },
        { title: 'Later', isNumber: true, cell: ({ delayed }) => number(delayed) },
        { title: 'In hand', isNumber: true, cell: ({ claimed }) => number(claimed) },
        { title: 'Due for', isNumber: true, cell: ({ dueForMs }) => (dueForMs === 0 ? '–' : duration(dueForMs)) },
      ],
      queue,
      'No jobs.',
    ),
    el('h3', {}, 'Imports'),
    table<Work['imports'][number]>(
      'The latest imports',
      [
        { title: 'Import', cell: ({ id }) => el('code', {}, id) },
        { title: 'Of', cell: ({ context, dialect }) => `${context} (${dialect})` },
        { title: 'Accepted', cell: ({ acceptedAt }) => ago(acceptedAt) },
        { title: 'Items', isNumber: true, cell: ({ items }) => number(items) },
        { title: 'Failed', isNumber: true, cell: ({ ended }) => number(ended.failed ?? 0) },
        {
          title: 'State',
          cell: ({ id, finishedAt }) =>
            finishedAt === null
              ? 'running'
              : el(
                  'span',
                  {},
                  'ended ',
                  button('Tell it again', `replay ${id}`, () => void told(`jobs/${id}/callback`, 'It is told again.')),
                ),
        },
      ],
      imports,
      'No imports.',
    ),
    el('h3', {}, 'Receivers that fail'),
    table<Work['receivers'][number]>(
      'Receivers of webhooks that failed last',
      [
        { title: 'Receiver', cell: ({ receiver }) => el('code', {}, receiver) },
        { title: 'Context', cell: ({ context }) => context },
        { title: 'Failures', isNumber: true, cell: ({ failures }) => number(failures) },
        {
          title: 'State',
          cell: ({ receiver, context, isDisabled }) =>
            isDisabled
              ? button('Call it again', `enable ${receiver}`, () => {
                  const path = `webhooks/${encodeURIComponent(receiver)}/enable?context=${encodeURIComponent(context)}`;
                  void told(path, 'It is called again.');
                })
              : 'is tried again',
        },
      ],
      receivers,
      'None.',
    ),
  ];
}
