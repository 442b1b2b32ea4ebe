// sheet: the previews of up to 100 keys as one picture.
import {
  contactSheet,
  type SheetCell,
  type SheetLayout,
  sheetSize,
  standsInCell,
} from '../../../kernel/contact-sheet.js';
import { type ErrorName, ProofsheetError } from '../../../kernel/errors.js';
import { type Format, parseFormat } from '../../../kernel/format.js';
import { type Context, type ImageKey, parseContext, parseImageKey } from '../../../kernel/image-key.js';
import type { Recipe } from '../../../kernel/recipe/recipe.js';
import type { Drawings, Previews } from '../../../previews/answers.js';
import type { StreamReply } from '../../replies/reply.js';
import { queryValue, queryValues } from '../../url-query.js';
import type { Parameter } from '../description.js';
import { route, type Target } from '../route.js';
import { CONTEXT } from './descriptions.js';
import { READING } from './operation.js';
import { checkSegments } from './parse.js';

const MOST_KEYS = 100;
const MAX_CELL_SIDE_PX = 400;
const MAX_COLUMNS = 20;
/** Of all previews together: an SVG may have 4 MiB, and base64 takes a third more. */
const MAX_PREVIEW_BYTES = 3_000_000;

const PARAMETERS: readonly Parameter[] = [
  {
    name: 'key',
    in: 'query',
    description: `An image key; given once for each picture, up to ${MOST_KEYS} times.`,
    schema: { type: 'string', minLength: 1, maxLength: 256 },
    example: 'photo',
  },
  CONTEXT,
  {
    name: 'columns',
    in: 'query',
    description: `1 to ${MAX_COLUMNS}; without it the sheet is about as wide as it is high.`,
    schema: { type: 'integer', minimum: 1, maximum: MAX_COLUMNS },
    example: 5,
  },
  {
    name: 'cell',
    in: 'query',
    description: `Width and height of a cell in pixels, each 16 to ${MAX_CELL_SIDE_PX}; 200x150 without it.`,
    schema: { type: 'string', pattern: '^[0-9]{2,3}x[0-9]{2,3}$' },
    example: '200x150',
  },
];

/** As JPEG, over white: pictures of all kinds side by side. */
const DRAWN: Recipe = { type: 'jpg', background: 'ffffff', page: 1, steps: [] };

/** Another layout is another picture, which costs who asks nothing: no upload waits for it. */
const BEHIND = { priority: 'background' } as const;

/** What a sheet is before it is made. */
const UNMADE: StreamReply = {
  kind: 'stream',
  headers: [
    ['Content-Type', 'image/jpeg'],
    ['Cache-Control', 'no-store'],
    ['X-Content-Type-Options', 'nosniff'],
  ],
  async *pieces() {},
};

/** What leaves a cell empty, and not the whole sheet unmade. */
const EMPTY: ReadonlySet<ErrorName> = new Set(['unknown-image-key', 'source-type-refused']);

interface AskedSheet {
  readonly context: Context;
  readonly keys: readonly ImageKey[];
  readonly layout: SheetLayout;
}

/** `GET /sheet?key=&key=&columns=&cell=&context=` */
export const sheet = route<AskedSheet>({
  ...READING,
  effort: 'draws',
  opensTo: 'token',
  name: 'sheet',
  path: '/sheet',
  description: {
    summary: `Up to ${MOST_KEYS} pictures side by side, as one JPEG`,
    details:
      'A key that is not there leaves its place empty. A sheet that is not kept counts as a new picture of its context, and waits for all that ' +
      'uploads wait for. HEAD makes none, and tells no length.',
    parameters: PARAMETERS,
    answer: { kind: 'drawn' },
    failures: [
      'invalid-request-format',
      'over-quota',
      'source-limits-exceeded',
      'source-type-refused',
      'conversion-timeout',
    ],
  },
  parse(target) {
    checkSegments(target, []);
    const keys = queryValues(target.url, 'key').map(parseImageKey);
    if (keys.length < 1 || keys.length > MOST_KEYS)
      throw new ProofsheetError(
        'invalid-image-key',
        `expected key 1 to ${MOST_KEYS} times, got it ${keys.length} times`,
      );
    return { context: parseContext(queryValue(target.url, 'context')), keys, layout: layoutOf(target, keys.length) };
  },
  scopeOf: ({ context }) => context,
  async run({ context, keys, layout }, { previews, drawings }, { verb }) {
    if (drawings === undefined)
      throw new ProofsheetError('unsupported-request', 'expected a server that draws pictures');
    if (verb === 'HEAD') return UNMADE;
    const format = parseFormat(`auto:${layout.cellWidthPx}x${layout.cellHeightPx}`);
    const cells: SheetCell[] = [];
    let bytes = 0;
    for (const imageKey of keys) {
      const cell = await cellOf(previews, drawings, { context, imageKey }, format);
      bytes += cell?.bytes.length ?? 0;
      if (bytes > MAX_PREVIEW_BYTES) throw tooLarge();
      cells.push(cell);
    }
    const text = Buffer.from(contactSheet(cells, layout));
    const { widthPx, heightPx } = sheetSize(cells.length, layout);
    const pixels = widthPx * heightPx;
    return { kind: 'drawn', drawn: await drawings.drawBytes(context, text, DRAWN, { ...BEHIND, counts: { pixels } }) };
  },
});

/** As a JPEG, where the preview is of a type that cannot stand in a cell; empty where that type is no source here. */
async function cellOf(
  previews: Previews,
  drawings: Pick<Drawings, 'drawBytes'>,
  ref: { readonly context: Context; readonly imageKey: ImageKey },
  format: Format,
): Promise<SheetCell> {
  try {
    const { choice, bytes } = await previews.read(await previews.choose(ref, format));
    const { type } = choice.preview;
    if (standsInCell(type)) return { type, bytes };
    return { type: 'jpg', bytes: (await drawings.drawBytes(ref.context, bytes, DRAWN, BEHIND)).bytes };
  } catch (error) {
    if (error instanceof ProofsheetError && EMPTY.has(error.code)) return undefined;
    throw error;
  }
}

function layoutOf({ url }: Target, keys: number): SheetLayout {
  const [, width, height] = /^(\d{2,3})x(\d{2,3})$/.exec(queryValue(url, 'cell') ?? '200x150') ?? [];
  const [cellWidthPx, cellHeightPx] = [Number(width), Number(height)];
  const isSide = (px: number) => px >= 16 && px <= MAX_CELL_SIDE_PX;
  if (!isSide(cellWidthPx) || !isSide(cellHeightPx))
    throw new ProofsheetError(
      'invalid-request-format',
      `expected a cell like 200x150, each side 16 to ${MAX_CELL_SIDE_PX}`,
    );
  const text = queryValue(url, 'columns');
  const columns = text === undefined ? Math.ceil(Math.sqrt((keys * cellHeightPx) / cellWidthPx)) : Number(text);
  if (!Number.isInteger(columns) || columns < 1 || columns > MAX_COLUMNS)
    throw new ProofsheetError('invalid-request-format', `expected columns to be 1 to ${MAX_COLUMNS}`);
  return { columns, cellWidthPx, cellHeightPx };
}

function tooLarge(): ProofsheetError {
  return new ProofsheetError(
    'source-limits-exceeded',
    `expected previews of at most ${MAX_PREVIEW_BYTES} bytes together; ask for fewer keys, or configure a target format near the cell's size`,
  );
}
