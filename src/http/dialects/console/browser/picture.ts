// The story of one picture: what is stored, why which preview answers, and what is told of its tags to whom.
/// <reference lib="dom" />
import {
  ago,
  ask,
  byId,
  bytes,
  type Child,
  counted,
  el,
  messageOf,
  type Place,
  placeOf,
  queryOf,
  table,
} from './dom.js';

interface Story extends Place {
  readonly key: string;
  readonly fileName: string | null;
  readonly createdAt: string;
  readonly lastAccess: string;
  readonly source: {
    readonly record: string;
    readonly digest: string;
    readonly type: string;
    readonly widthPx: number;
    readonly heightPx: number;
    readonly pages: number;
    readonly bytes: number;
    readonly isKept: boolean;
    readonly isStored: boolean;
    readonly isComplete: boolean;
    readonly hasTiles: boolean;
  };
  readonly previews: readonly {
    formats: readonly string[];
    type: string;
    widthPx: number;
    heightPx: number;
    bytes: number;
    digest: string;
    isStored: boolean;
    isOfOtherSequence: boolean;
  }[];
  readonly answers: readonly { asked: string; preview: string; target: string; relation: string; isFinal: boolean }[];
  readonly tags: readonly { group: string; label: string; text: string; isPublic: boolean }[];
  readonly refusal: { readonly error: string; readonly message: string; readonly until: string } | null;
}

const WHY: Readonly<Record<string, string>> = {
  exact: 'it has the very size that was asked for, or was made for this format',
  larger: 'it is the smallest that is at least as large as what was asked for',
  smaller: 'none is as large as what was asked for: it is the largest there is',
};

/** Looks up and shows; the last question wins. */
export async function showPicture(key: string, of: Place, format: string): Promise<void> {
  const place = byId('found');
  const query = queryOf(key, of);
  if (format !== '') query.set('format', format);
  const asked = query.toString();
  place.dataset.asked = asked;
  try {
    const story = await ask<Story>(`picture?${asked}`);
    if (place.dataset.asked === asked) place.replaceChildren(...told(story));
  } catch (error) {
    if (place.dataset.asked === asked) place.replaceChildren(el('p', { class: 'bad' }, messageOf(error)));
  }
}

function told(story: Story): readonly Child[] {
  const { source, previews, answers, tags, refusal } = story;
  const query = queryOf(story.key, story);
  const facts: readonly (readonly [string, Child])[] = [
    ['Key', el('code', {}, story.key)],
    ['Context', placeOf(story)],
    ['File name', story.fileName ?? '–'],
    ['Stored', ago(story.createdAt)],
    ['Used', ago(story.lastAccess)],
    [
      'Source',
      `${source.type}, ${source.widthPx} × ${source.heightPx}, ${counted(source.pages, 'page')}, ${bytes(source.bytes)}`,
    ],
    ['Its bytes', source.isStored ? 'kept' : source.isKept ? 'kept by its record, and not found' : 'not kept'],
    ['Previews', `${source.isComplete ? 'all made' : 'not all made yet'}${source.hasTiles ? ', and tiles' : ''}`],
    ['SHA-256', el('code', {}, source.digest)],
    ...(refusal ? [['Refused', `${refusal.error}: ${refusal.message}`] as const] : []),
  ];
  return [
    el(
      'div',
      { class: 'story' },
      el('img', {
        src: `${document.body.dataset.base}thumb?${query}`,
        alt: `Preview of ${story.key}`,
        width: 200,
        height: 150,
      }),
      el('dl', {}, ...facts.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)])),
    ),
    el('h3', {}, 'What is stored'),
    el(
      'div',
      { class: 'wide' },
      table<Story['previews'][number]>(
        'Stored previews',
        [
          { title: 'Target formats', cell: ({ formats }) => el('code', {}, formats.join(', ')) },
          { title: 'Type', cell: ({ type }) => type },
          { title: 'Size', isNumber: true, cell: ({ widthPx, heightPx }) => `${widthPx} × ${heightPx}` },
          { title: 'Bytes', isNumber: true, cell: (of) => bytes(of.bytes) },
          {
            title: 'State',
            cell: ({ isStored, isOfOtherSequence }) =>
              `${isStored ? 'stored' : 'lost: made again when it is asked for'}${isOfOtherSequence ? ', of another sequence' : ''}`,
          },
        ],
        previews,
        'No previews.',
      ),
    ),
    el('h3', {}, 'Which answers what, and why'),
    el(
      'div',
      { class: 'wide' },
      table<Story['answers'][number]>(
        'Which preview answers a request format',
        [
          { title: 'Asked for', cell: ({ asked }) => el('code', {}, asked) },
          { title: 'Answered by that of', cell: ({ target }) => el('code', {}, target) },
          {
            title: 'Why',
            cell: ({ relation, isFinal }) =>
              `${WHY[relation] ?? relation}${isFinal ? '' : '; a better one is made when it is asked for'}`,
          },
        ],
        answers,
        'Nothing answers yet.',
      ),
    ),
    el('h3', {}, 'Tags, and who is told them'),
    el(
      'div',
      { class: 'wide' },
      table<Story['tags'][number]>(
        'Tags of the source',
        [
          { title: 'Tag', cell: ({ group, label }) => `${group}: ${label}` },
          { title: 'Text', cell: ({ text }) => text.slice(0, 300) },
          { title: 'Told to', cell: ({ isPublic }) => (isPublic ? 'anybody' : 'who may be told everything') },
        ],
        tags,
        'No tags.',
      ),
    ),
  ];
}
