// Bringing stored records to the sequence of today: the plan, and the work that is begun, paused, gone on with and stopped.
import { ProofsheetError } from '../../../kernel/errors.js';
import type { Reconcile, ReconcileStanding } from '../../../previews/reconcile/reconcile-service.js';
import { type JsonReply, json } from '../../replies/reply.js';
import { CHANGING, TELLING, timeOf, WATCHING } from '../for-operators.js';
import { type Route, route, type UseCases } from '../route.js';
import { OF_APPLYING, OF_PAUSING, OF_PLAN, OF_STANDING, OF_STOPPING } from './reconcile-descriptions.js';
import { objectOf } from './rules.js';

const MOST_PER_MINUTE = 100_000;

/** `GET /admin/plan` */
const plan = route<null>({
  ...WATCHING,
  name: 'adminPlan',
  path: '/plan',
  description: OF_PLAN,
  parse: () => null,
  async run(_, use) {
    const { cpuSeconds, ...rest } = await reconcileOf(use).plan();
    return json({ ...rest, cpuSeconds: cpuSeconds ?? null });
  },
});

/** `POST /admin/apply` */
const apply = route<{ readonly perMinute: number | undefined }>({
  ...TELLING,
  name: 'adminApply',
  path: '/apply',
  description: OF_APPLYING,
  parse(_, body) {
    const { perMinute } = objectOf(body, ['perMinute']);
    if (perMinute === undefined) return { perMinute: undefined };
    if (Number.isInteger(perMinute) && Number(perMinute) >= 0 && Number(perMinute) <= MOST_PER_MINUTE)
      return { perMinute: Number(perMinute) };
    throw new ProofsheetError(
      'invalid-request-format',
      `expected perMinute from 0 to ${MOST_PER_MINUTE}, got another value`,
    );
  },
  run: async ({ perMinute }, use) => told(await reconcileOf(use).start(perMinute)),
});

/** `GET /admin/reconcile`: how far it is. */
const standing = route<null>({
  ...WATCHING,
  name: 'adminReconcile',
  path: '/reconcile',
  description: OF_STANDING,
  parse: () => null,
  run: async (_, use) => told(await reconcileOf(use).standing()),
});

/** `POST /admin/reconcile/pause` */
const pause = route<null>({
  ...CHANGING,
  name: 'adminPause',
  path: '/reconcile/pause',
  description: OF_PAUSING,
  parse: () => null,
  run: async (_, use) => told(await reconcileOf(use).pause()),
});

/** `POST /admin/reconcile/stop` */
const stop = route<null>({
  ...CHANGING,
  name: 'adminStop',
  path: '/reconcile/stop',
  description: OF_STOPPING,
  parse: () => null,
  run: async (_, use) => told(await reconcileOf(use).stop()),
});

export const reconcileRoutes: readonly Route[] = [plan, apply, standing, pause, stop];

function reconcileOf({ reconcile }: UseCases): Reconcile {
  if (reconcile !== undefined) return reconcile;
  throw new ProofsheetError('unsupported-request', 'expected a server that reconciles');
}

function told(found: ReconcileStanding | undefined): JsonReply {
  if (found === undefined) throw new ProofsheetError('unknown-image-key', 'nothing was begun yet');
  const { control, progress } = found;
  const state = progress.isOver ? 'done' : control.wanted;
  return json({
    ...{ run: control.run, state, perMinute: control.perMinute, startedAt: timeOf(control.startedAt) },
    ...{ looked: progress.looked, made: progress.made, failed: progress.failed, stuck: progress.stuck },
    ...{ seconds: progress.seconds, at: timeOf(progress.at) },
  });
}
