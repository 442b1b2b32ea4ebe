// The table: as text, as Markdown between the markers of a document, and as JSON. Prints nothing that was not measured.
import { readFile, writeFile } from 'node:fs/promises';
import type { Bound, Comparison, Figure } from './comparison.js';
import type { Machine } from './machine.js';

export interface Report {
  /** ISO 8601, UTC. */
  readonly date: string;
  readonly machine: Machine;
  readonly rounds: number;
  readonly secondsPerRound: number;
  readonly comparisons: readonly Comparison[];
  /** Rows that could not be measured, and why. */
  readonly failures: readonly string[];
}

const HEADINGS = ['row', 'what', 'ours', 'peer', 'floor', 'ratio', 'must be', 'ok'] as const;

/** The table in columns of equal width. */
export function asText(report: Report): string {
  const lines = [HEADINGS, ...report.comparisons.map(cells)];
  const widths = HEADINGS.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const table = lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [...machineLines(report), '', ...table, ...report.failures].join('\n');
}

/** The table with its date and machine, in Markdown. */
export function asMarkdown(report: Report): string {
  const row = (line: readonly string[]): string => `| ${line.join(' | ')} |`;
  const table = [row(HEADINGS), row(HEADINGS.map(() => '---')), ...report.comparisons.map((line) => row(cells(line)))];
  return [...machineLines(report), '', ...table, '', ...report.failures].join('\n').trimEnd();
}

const [START, END] = ['<!-- bench:start -->', '<!-- bench:end -->'];

/** Puts the table between the markers of the file at `path`. Throws when it has none. */
export async function intoDocument(path: string, report: Report): Promise<void> {
  const text = await readFile(path, 'utf8');
  const [start, end] = [text.indexOf(START), text.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`expected ${START} and ${END} in ${path}, got none`);
  await writeFile(path, `${text.slice(0, start + START.length)}\n${asMarkdown(report)}\n${text.slice(end)}`);
}

function machineLines({ date, machine, rounds, secondsPerRound }: Report): string[] {
  return [
    `${date.slice(0, 10)}: ${machine.cores} cores (${machine.processor}), ${machine.memoryGiB} GiB, ${machine.system}. ${machine.versions.join(', ')}.`,
    `Medians of ${rounds} rounds, contenders alternating, ${secondsPerRound} s of load a round; ratio: the median of the rounds' ratios.`,
  ];
}

function cells({ row, what, ours, peer, floor, ratio, mustBe, ok }: Comparison): string[] {
  return [
    String(row),
    what,
    figureText(ours),
    peer ? `${peer.name}: ${figureText(peer)}` : '',
    floor && floor.name !== peer?.name ? `${floor.name}: ${figureText(floor)}` : '',
    ratio === undefined ? '' : ratio.toFixed(2),
    boundText(mustBe, ratio === undefined ? ours.unit : undefined),
    ok ? 'yes' : 'NO',
  ];
}

function figureText({ value, unit }: Figure): string {
  const digits = value >= 1_000 ? 0 : value >= 100 ? 1 : value >= 1 ? 2 : 3;
  return `${value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits })} ${unit}`;
}

function boundText({ rule, value }: Bound, unit: string | undefined): string {
  return `${rule} ${unit === undefined ? value.toFixed(2) : `${value} ${unit}`}`;
}
