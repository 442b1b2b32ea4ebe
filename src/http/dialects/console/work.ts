// `GET /console/work`: what the library has to do, its latest imports, and the receivers of webhooks that fail.
import { JOB_KINDS } from '../../../kernel/ports/jobs.js';
import { json } from '../../replies/reply.js';
import { timeOf, timeOrNull, WATCHING } from '../for-operators.js';
import { route } from '../route.js';
import { OF_WORK } from './descriptions.js';

const MOST_IMPORTS = 20;

export const work = route<null>({
  ...WATCHING,
  name: 'consoleWork',
  path: '/work',
  description: OF_WORK,
  parse: () => null,
  async run(_, { library: use }) {
    if (use === undefined) return json({ library: null });
    const { library, jobs, deliveries, now } = use;
    const [counts, usage, imports, failing, due] = await Promise.all([
      jobs.counts(),
      library.usage(),
      library.listImports({ limit: MOST_IMPORTS }),
      deliveries.failing(),
      Promise.all(JOB_KINDS.map((kind) => jobs.oldestDue(kind))),
    ]);
    return json({
      library: {
        usage,
        queue: JOB_KINDS.map((kind, at) => {
          const of = (state: string) => counts.find((count) => count.kind === kind && count.state === state)?.jobs ?? 0;
          const since = due[at];
          return {
            ...{ kind, waiting: of('waiting'), delayed: of('delayed'), claimed: of('claimed') },
            dueForMs: since === undefined ? 0 : Math.max(0, now() - since),
          };
        }),
        imports: imports.entries.map(({ id, context, dialect, items, ended, acceptedAt, finishedAt }) => ({
          ...{ id, context, dialect, items, ended, acceptedAt: timeOf(acceptedAt) },
          finishedAt: timeOrNull(finishedAt),
        })),
        receivers: failing.map(({ context, receiver, state }) => ({
          ...{ context, receiver, failures: state.failures, isDisabled: state.disabled !== undefined },
        })),
      },
    });
  },
});
