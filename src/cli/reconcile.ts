// `proofsheet plan` and `apply`: what today's target formats and pipeline would make of what is stored, and drop; and doing it, watched,
// paused and gone on with.
import { setTimeout as delay } from 'node:timers/promises';
import { type Administration, administrationOf } from './admin.js';
import { bytesText, columns, print } from './output.js';
import { Progress } from './progress.js';
import { EXIT, noneBut, optionsOf, UsageError } from './usage.js';

interface Plan {
  readonly sources: number;
  readonly current: number;
  readonly outdated: number;
  readonly stuck: number;
  readonly makes: number;
  readonly makesBytes: number;
  readonly drops: number;
  readonly dropsBytes: number;
  readonly keeps: number;
  readonly keepsBytes: number;
  readonly cpuSeconds: number | null;
}

interface Standing {
  readonly state: 'running' | 'paused' | 'stopped' | 'done';
  readonly looked: number;
  readonly made: number;
  readonly failed: number;
  readonly stuck: number;
  readonly seconds: number;
}

const LOOK_MS = 500;

/** `plan` */
export async function plan(args: readonly string[]): Promise<number> {
  const given = optionsOf('plan', args);
  noneBut(given, 'plan');
  const { ask } = await administrationOf(given);
  const told = await ask<Plan>('/plan');
  const { sources, current, outdated, stuck, makes, makesBytes, drops, dropsBytes, keeps, keepsBytes, cpuSeconds } =
    told;
  print(given.flags.has('json'), told, [
    ...columns([
      ['sources', `${sources}: ${current} up to date, ${outdated} outdated, ${stuck} no longer kept`],
      ['makes', `${makes} previews, about ${bytesText(makesBytes)}`],
      ['drops', `${drops} previews, ${bytesText(dropsBytes)}`],
      ['keeps', `${keeps} previews of other sequences, ${bytesText(keepsBytes)}`],
      [
        'takes',
        cpuSeconds === null ? 'not known before a preview was made' : `about ${cpuSeconds} s of processor time`,
      ],
    ]),
  ]);
  return 0;
}

/** `apply [--rate N] [--detach]`, `apply --status`, `--pause`, `--stop`. */
export async function apply(args: readonly string[]): Promise<number> {
  const given = optionsOf('apply', args);
  const { rate } = given.values;
  const asked = ['status', 'pause', 'stop'].filter((name) => given.flags.has(name));
  if (given.positionals.length > 0 || asked.length > 1 || (asked.length > 0 && rate !== undefined))
    throw new UsageError('apply takes --rate N, or one of --status, --pause and --stop');
  if (rate !== undefined && !/^\d{1,6}$/.test(rate))
    throw new UsageError('--rate takes sources a minute, 0 for no limit');
  const isJson = given.flags.has('json');
  const administration = await administrationOf(given);
  const { ask } = administration;
  if (asked[0] !== undefined) {
    const told =
      asked[0] === 'status' ? await ask<Standing>('/reconcile') : await ask<Standing>(`/reconcile/${asked[0]}`, {});
    print(isJson, told, [lineOf(told)]);
    return 0;
  }
  const begun = await ask<Standing>('/apply', rate === undefined ? {} : { perMinute: Number(rate) });
  const end = given.flags.has('detach') ? begun : await watched(administration, isJson);
  print(isJson, end, [lineOf(end)]);
  if (end.state === 'done') return end.failed === 0 ? 0 : EXIT.incomplete;
  return given.flags.has('detach') ? 0 : EXIT.incomplete;
}

/** Until it is over, or no longer running. Interrupted, the command ends, and the work goes on. */
async function watched({ ask }: Administration, isQuiet: boolean): Promise<Standing> {
  const { sources } = await ask<Plan>('/plan');
  const progress = new Progress(process.stderr, sources);
  for (;;) {
    const standing = await ask<Standing>('/reconcile');
    if (standing.state !== 'running') {
      progress.end();
      return standing;
    }
    if (!isQuiet) progress.update(standing.looked, `${standing.made} made, ${standing.failed} failed`);
    await delay(LOOK_MS);
  }
}

function lineOf({ state, looked, made, failed, stuck, seconds }: Standing): string {
  return `${state}: ${looked} sources looked at, ${made} made in ${seconds.toFixed(1)} s, ${failed} failed, ${stuck} no longer kept`;
}
