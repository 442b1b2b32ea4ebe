// `proofsheet purge`, `receipt`, `verify-receipt`, `block`, `unblock` and `tombstones`: takedowns, and what proves them.
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { verifiedText } from '../kernel/takedown/jws.js';
import { RECEIPT_TYPE, type Receipt } from '../kernel/takedown/receipt.js';
import { administrationOf, needed } from './admin.js';
import { bytesText, columns, print } from './output.js';
import { EXIT, type Given, noneBut, optionsOf, UsageError } from './usage.js';

interface Signed {
  readonly receipt: Receipt;
  readonly jws: string | null;
}

/** `purge KEY | --prefix TEXT | --content SHA256 | --context TEXT`, with `--reason TEXT`. */
export async function purge(args: readonly string[]): Promise<number> {
  const given = optionsOf('purge', args);
  const { positionals, values, flags } = given;
  const [key, ...more] = positionals;
  if (more.length > 0) throw new UsageError('purge takes one key, or --prefix, --content or --context');
  if (values.until !== undefined && !flags.has('block')) throw new UsageError('--until ends what --block begins');
  const { prefix, content, context, until } = values;
  const asked = {
    reason: needed(given, 'reason', 'purge'),
    ...(key !== undefined && { key }),
    ...(prefix !== undefined && { prefix }),
    ...(content !== undefined && { content }),
    ...(context !== undefined && { context }),
    ...(flags.has('block') && { block: true }),
    ...(until !== undefined && { until }),
  };
  const { ask } = await administrationOf(given);
  return told(given, await ask<Signed>('/purge', asked));
}

/** `receipt ID`: as it is by now. */
export async function receipt(args: readonly string[]): Promise<number> {
  const given = optionsOf('receipt', args);
  const [id, ...more] = given.positionals;
  if (id === undefined || more.length > 0) throw new UsageError('receipt takes the id of one');
  const { ask } = await administrationOf(given);
  return told(given, await ask<Signed>(`/purges/${encodeURIComponent(id)}`));
}

/** A receipt that is not complete ends with 1: somebody has to follow yet. */
async function told({ values, flags }: Given, signed: Signed): Promise<number> {
  if (values.output !== undefined) {
    if (signed.jws === null) throw new UsageError('this server signs no receipts: PROOFSHEET_RECEIPT_KEY names a key');
    await writeFile(values.output, `${signed.jws}\n`);
  }
  print(flags.has('json'), signed, receiptLines(signed.receipt));
  return signed.receipt.isComplete ? 0 : EXIT.incomplete;
}

/** `verify-receipt FILE [--key FILE]`: whether it was signed by that key, or by the server's own, and what it says. */
export async function verifyReceipt(args: readonly string[]): Promise<number> {
  const given = optionsOf('verify-receipt', args);
  const [file, ...more] = given.positionals;
  if (file === undefined || more.length > 0) throw new UsageError('verify-receipt takes one file');
  const jws = await readFile(file, 'utf8');
  const keys = given.values.key === undefined ? await keysOfServer(given) : [await keyIn(given.values.key)];
  const text = keys.map((key) => verifiedText(RECEIPT_TYPE, jws, key)).find((each) => each !== undefined);
  if (text === undefined) {
    print(given.flags.has('json'), { valid: false }, ['not a receipt that was signed by this key']);
    return EXIT.incomplete;
  }
  const proved = JSON.parse(text) as Receipt;
  print(given.flags.has('json'), { valid: true, receipt: proved }, ['the signature is right', ...receiptLines(proved)]);
  return 0;
}

async function keysOfServer(given: Given): Promise<readonly KeyObject[]> {
  const { ask } = await administrationOf(given);
  const { keys } = await ask<{ readonly keys: readonly JsonWebKey[] }>('/keys');
  return keys.map((key) => createPublicKey({ key, format: 'jwk' }));
}

async function keyIn(path: string): Promise<KeyObject> {
  const pem = await readFile(path);
  try {
    return createPublicKey(pem);
  } catch {
    throw new UsageError('--key takes a file with a key as PEM, public or private');
  }
}

/** `block SHA256 --reason TEXT [--until TIME]` */
export async function block(args: readonly string[]): Promise<number> {
  const given = optionsOf('block', args);
  const content = oneContent(given, 'block');
  const { until } = given.values;
  const { ask } = await administrationOf(given);
  const stone = await ask<ToldStone>('/block', {
    ...{ content, reason: needed(given, 'reason', 'block') },
    ...(until !== undefined && { until }),
  });
  print(given.flags.has('json'), stone, stoneLines([stone]));
  return 0;
}

/** `unblock SHA256` */
export async function unblock(args: readonly string[]): Promise<number> {
  const given = optionsOf('unblock', args);
  const content = oneContent(given, 'unblock');
  const { ask } = await administrationOf(given);
  await ask(`/unblock/${encodeURIComponent(content)}`, {});
  print(given.flags.has('json'), { unblocked: content }, [`${content} may come back`]);
  return 0;
}

interface ToldStone {
  readonly content: string;
  readonly reason: string;
  readonly since: string;
  readonly until: string | null;
}

const MOST_TOMBSTONES = 10_000;

/** `tombstones`: those in force. */
export async function tombstones(args: readonly string[]): Promise<number> {
  const given = optionsOf('tombstones', args);
  noneBut(given, 'tombstones');
  const { ask } = await administrationOf(given);
  const found = await ask<{ readonly tombstones: readonly ToldStone[] }>(`/tombstones?limit=${MOST_TOMBSTONES}`);
  print(given.flags.has('json'), found, stoneLines(found.tombstones));
  return 0;
}

function oneContent({ positionals: [content, ...more] }: Given, command: string): string {
  if (content !== undefined && more.length === 0) return content;
  throw new UsageError(`${command} takes the SHA-256 of one source`);
}

function stoneLines(stones: readonly ToldStone[]): string[] {
  return columns(stones.map(({ content, since, until, reason }) => [content, since, until ?? 'for good', reason]));
}

function receiptLines({
  id,
  takenDownAt,
  reason,
  by,
  groups,
  lasting,
  stillNamed,
  undeleted,
  derivatives,
  originals,
  ...rest
}: Receipt): string[] {
  const amount = ({ blobs, bytes }: { readonly blobs: number; readonly bytes: number }) =>
    `${blobs} (${bytesText(bytes)})`;
  return [
    `${id}  ${rest.isComplete ? 'complete' : rest.isUnderWay ? 'under way' : 'not complete yet'}`,
    ...columns([
      ['taken down', `${takenDownAt} by ${by}: ${reason}`],
      ['groups', String(groups.removed)],
      [`blobs left ${lasting.tier}`, amount(lasting)],
      ['stay for other images', String(stillNamed)],
      ['not deleted yet', String(undeleted)],
      ['drawn on demand', String(derivatives)],
      ['originals kept', String(rest.keptOriginals)],
      [
        'kept by assets',
        originals.length === 0 ? '0' : originals.map(({ context, asset }) => `${context}/${asset}`).join(' '),
      ],
      [
        'blocked',
        `${rest.blocked.contents.length}${rest.blocked.until === null ? '' : ` until ${rest.blocked.until}`}`,
      ],
      ['CDN', `${rest.cdn.state}, ${rest.cdn.surrogateKeys} surrogate keys`],
    ]).map((line) => `  ${line}`),
    ...columns(
      rest.nodes.map((node) =>
        node.state === 'dropped'
          ? [`${node.host}/${node.worker}`, `memory ${amount(node.memory)}, disk ${amount(node.disk)}`]
          : [`${node.host}/${node.worker}`, `away since ${node.seenAt}`],
      ),
    ).map((line) => `  ${line}`),
  ];
}
