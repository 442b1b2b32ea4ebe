// Lines over time as inline SVG: a gap where nobody looked, the greatest value above, and the whole said in words.
/// <reference lib="dom" />
import type { Track } from '../../../../kernel/process-report.js';
import { byId, bytes, duration, number, say } from './dom.js';

const SVG = 'http://www.w3.org/2000/svg';
const [WIDTH, HEIGHT, TOP] = [360, 80, 4];

interface Chart {
  readonly id: string;
  readonly title: string;
  /** Of each slot, oldest first; `null` where there is nothing to tell. */
  readonly values: (track: Track) => readonly (number | null)[];
  readonly text: (value: number) => string;
  /** The top of the scale, where that is known beforehand. */
  readonly top?: number;
}

const perSecond = (name: 'requests' | 'sentBytes') => (track: Track) =>
  scaled(track.values[name], 1_000 / track.stepMs);
const perMinute = (name: 'conversions' | 'failures') => (track: Track) =>
  scaled(track.values[name], 60_000 / track.stepMs);

const CHARTS: readonly Chart[] = [
  { id: 'requests', title: 'Requests a second', values: perSecond('requests'), text: number },
  { id: 'ratio', title: 'Hit ratio', values: ratios, text: (value) => `${number(value)} %`, top: 100 },
  { id: 'conversions', title: 'Conversions a minute', values: perMinute('conversions'), text: number },
  { id: 'queueAgeMs', title: 'Longest wait', values: ({ values }) => values.queueAgeMs, text: duration },
  { id: 'failures', title: 'Failures a minute', values: perMinute('failures'), text: number },
  { id: 'memoryBytes', title: 'Memory', values: ({ values }) => values.memoryBytes, text: bytes },
  { id: 'storedBytes', title: 'Stored', values: ({ values }) => values.storedBytes, text: bytes },
  { id: 'sentBytes', title: 'Sent a second', values: perSecond('sentBytes'), text: bytes },
];

export function drawCharts(track: Track, span: 'hour' | 'day'): void {
  for (const chart of CHARTS) draw(chart, chart.values(track), span);
}

function draw({ id, title, text, top: fixed }: Chart, values: readonly (number | null)[], span: 'hour' | 'day'): void {
  const told = values.filter((value) => value !== null);
  const most = Math.max(0, ...told);
  const scale = fixed ?? (most || 1);
  const svg = byId(`chart-${id}`);
  const points = values.map((value, at) => ({
    x: (at / Math.max(1, values.length - 1)) * WIDTH,
    y: value === null ? undefined : HEIGHT - (value / scale) * (HEIGHT - TOP),
  }));
  const lines = runsOf(points);
  const path = (kind: string, d: string): SVGPathElement => {
    const element = document.createElementNS(SVG, 'path');
    element.setAttribute('class', kind);
    element.setAttribute('d', d);
    return element;
  };
  svg.replaceChildren(
    path(
      'area',
      lines.map((line) => `M${line[0]?.x ?? 0} ${HEIGHT}${joined(line)}L${line.at(-1)?.x ?? 0} ${HEIGHT}Z`).join(''),
    ),
    path('line', lines.map((line) => joined(line).replace('L', 'M')).join('')),
  );
  const last = told.at(-1);
  say(`last-${id}`, last === undefined ? '–' : text(last));
  say(`from-${id}`, span === 'hour' ? '1 h ago' : '24 h ago');
  say(`top-${id}`, told.length === 0 ? '\u00a0' : `at most ${text(most)}`);
  const words =
    last === undefined
      ? 'no figures yet'
      : `now ${text(last)}, at most ${text(most)}, at least ${text(Math.min(...told))}`;
  svg.setAttribute('aria-label', `${title}, the last ${span}: ${words}`);
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Points that stand side by side; a lone one is made wide enough to be seen. */
function runsOf(points: readonly { readonly x: number; readonly y: number | undefined }[]): Point[][] {
  const runs: Point[][] = [];
  let isOpen = false;
  for (const { x, y } of points) {
    if (y === undefined) isOpen = false;
    else {
      if (!isOpen) runs.push([]);
      runs.at(-1)?.push({ x, y });
      isOpen = true;
    }
  }
  return runs.map((run) => (run.length === 1 && run[0] ? [{ ...run[0], x: Math.max(0, run[0].x - 2) }, run[0]] : run));
}

function joined(line: readonly Point[]): string {
  return line.map(({ x, y }) => `L${x.toFixed(1)} ${y.toFixed(1)}`).join('');
}

function scaled(values: readonly (number | null)[], by: number): readonly (number | null)[] {
  return values.map((value) => (value === null ? null : value * by));
}

/** Of slots in which something was looked for. */
function ratios({ values }: Track): readonly (number | null)[] {
  return values.hits.map((hits, at) => {
    const all = (hits ?? 0) + (values.misses[at] ?? 0);
    return hits === null || all === 0 ? null : (100 * hits) / all;
  });
}
