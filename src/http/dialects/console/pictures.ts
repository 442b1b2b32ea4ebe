// The story of one picture, and its likeness: what is stored, which preview answers what and why, and which tags are told to whom.
import { type Format, parseFormat } from '../../../kernel/format.js';
import {
  type GroupRef,
  libraryContextOf,
  parseContext,
  parseImageKey,
  shownContextOf,
} from '../../../kernel/image-key.js';
import { contentDigestOf } from '../../../kernel/source.js';
import type { LookedUp } from '../../../previews/operators.js';
import { json } from '../../replies/reply.js';
import { queryValue, queryValues } from '../../url-query.js';
import { timeOf, WATCHING } from '../for-operators.js';
import { type Route, route, type Target } from '../route.js';
import { OF_PICTURE, OF_THUMB } from './descriptions.js';
import { operatorsOf } from './rules.js';

const LIKENESS = parseFormat('auto:200x150');

/** `GET /console/picture?key=&context=&library=&format=` */
const picture = route<{ readonly ref: GroupRef; readonly formats: readonly Format[] }>({
  ...WATCHING,
  name: 'consolePicture',
  path: '/picture',
  description: OF_PICTURE,
  parse: (target) => ({
    ref: refIn(target),
    formats: queryValues(target.url, 'format')
      .filter((text) => text !== '')
      .slice(0, 20)
      .map(parseFormat),
  }),
  run: async ({ ref, formats }, use) => json(told(await operatorsOf(use).lookUp(ref, formats))),
});

/** `GET /console/thumb?key=&context=&library=` */
const thumb = route<{ readonly ref: GroupRef }>({
  ...WATCHING,
  name: 'consoleThumb',
  path: '/thumb',
  description: OF_THUMB,
  parse: (target) => ({ ref: refIn(target) }),
  async run({ ref }, { previews }) {
    const choice = await previews.choose(ref, LIKENESS);
    // It took a login: nothing between here and the browser may keep it, and no prepared answer may tell it to others.
    return { kind: 'picture', choice, isForThisRequest: true, headers: [['Cache-Control', 'private, max-age=60']] };
  },
});

export const pictureRoutes: readonly Route[] = [picture, thumb];

function refIn({ url }: Target): GroupRef {
  const context = parseContext(queryValue(url, 'context'));
  return {
    imageKey: parseImageKey(queryValue(url, 'key') ?? ''),
    context: queryValue(url, 'library') === 'yes' ? libraryContextOf(context) : context,
  };
}

function told({ entry, metadata, publicTags, previews, isSourceStored, answers, refusal }: LookedUp) {
  const { group, source } = entry;
  const { type, widthPx, heightPx, pages } = source.info;
  return {
    ...{ key: group.imageKey, ...shownContextOf(group.context), fileName: group.fileName ?? null },
    ...{ createdAt: timeOf(group.createdAt), lastAccess: timeOf(group.lastAccess) },
    source: {
      ...{
        record: source.digest,
        digest: contentDigestOf(source),
        type,
        widthPx,
        heightPx,
        pages,
        bytes: source.bytes,
      },
      ...{
        isKept: source.sourceKept,
        isStored: isSourceStored,
        isComplete: source.complete,
        hasTiles: source.pyramid !== undefined,
      },
    },
    previews: previews.map(
      ({ formats, type: of, widthPx: width, heightPx: height, bytes, digest, isStored, sequenceId }) => ({
        ...{
          formats,
          type: of,
          widthPx: width,
          heightPx: height,
          bytes,
          digest,
          isStored,
          isOfOtherSequence: sequenceId !== undefined,
        },
      }),
    ),
    answers,
    tags: Object.entries(metadata.groups).flatMap(([group, tags]) =>
      Object.entries(tags).map(([label, text]) => ({
        group,
        label,
        text,
        isPublic: publicTags[group]?.[label] !== undefined,
      })),
    ),
    refusal: refusal
      ? { error: refusal.code, message: refusal.message, strikes: refusal.strikes, until: timeOf(refusal.until) }
      : null,
  };
}
