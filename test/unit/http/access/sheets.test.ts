// Contact sheets at the edge: pictures that are made though nothing is sent have limits of their own, and HEAD makes none.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ProofsheetError } from '../../../../src/kernel/errors.js';
import type { Drawings, DrawingTerms, DrawnPicture } from '../../../../src/previews/answers.js';
import { type EdgeServer, startEdgeServer } from '../../../support/edge-server.js';
import { FakeDrawings } from '../../../support/fake-drawings.js';
import { Gate, until } from '../../../support/gate.js';

class SlowDrawings extends FakeDrawings {
  readonly gate = new Gate();
  readonly terms: (DrawingTerms | undefined)[] = [];

  constructor() {
    super(() => undefined);
  }

  override async drawBytes(...[context, source, , terms]: Parameters<Drawings['drawBytes']>): Promise<DrawnPicture> {
    this.terms.push(terms);
    await this.gate.pass();
    return super.drawBytes(context, source);
  }
}

let drawings: SlowDrawings;
let server: EdgeServer;
let strain: ProofsheetError | undefined;
beforeEach(async () => {
  drawings = new SlowDrawings();
  strain = undefined;
  server = await startEdgeServer({}, { drawings, strain: () => strain });
});
afterEach(async () => {
  drawings.gate.open();
  await server.close();
});

const sheet = (n: number, method = 'GET') => fetch(`${server.url}/sheet?key=none&cell=${100 + n}x50`, { method });

it('one client has three made at once, and more are answered 429; then it may have others', async () => {
  drawings.gate.shut();
  const three = [1, 2, 3].map((n) => sheet(n));
  await until(() => drawings.terms.length === 3, 'three sheets are being drawn');
  const fourth = await sheet(4);
  expect([fourth.status, fourth.headers.get('retry-after')]).toEqual([429, '1']);
  drawings.gate.open();
  expect((await Promise.all(three)).map(({ status }) => status)).toEqual([200, 200, 200]);
  await Promise.all((await Promise.all(three)).map((answer) => answer.arrayBuffer()));
  expect((await sheet(5)).status).toBe(200);
});

it('counts by its pixels, behind what uploads wait for', async () => {
  expect((await sheet(0)).status).toBe(200);
  expect(drawings.terms).toEqual([{ priority: 'background', counts: { pixels: 116 * 66 } }]);
});

it('is refused while the server is behind, as an upload is', async () => {
  strain = new ProofsheetError('overloaded', 'behind', { retryAfterSeconds: 7 });
  const answer = await sheet(1);
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '7']);
  expect(drawings.terms).toEqual([]);
});

it('HEAD makes none, and takes no place of one', async () => {
  const answers = await Promise.all([1, 2, 3, 4, 5].map((n) => sheet(n, 'HEAD')));
  expect(answers.map(({ status, headers }) => [status, headers.get('content-type')])).toEqual(
    answers.map(() => [200, 'image/jpeg']),
  );
  expect((await sheet(6, 'HEAD')).headers.get('content-length')).toBeNull();
  expect(drawings.terms).toEqual([]);
});
