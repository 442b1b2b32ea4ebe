// Prometheus' text format as rows of a table. Pure.
import type { Row } from './status-html.js';

/** Name with labels, and value, of every sample but histogram buckets; comments are left out. */
export function metricRows(metricsText: string): readonly Row[] {
  return metricsText
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .filter((line) => !/^[^{\s]+_bucket[{\s]/.test(line))
    .map((line) => {
      // Label values may hold spaces, so the value starts behind the closing brace, or else behind the name.
      const brace = line.lastIndexOf('}');
      const space = line.indexOf(' ', brace + 1);
      return [line.slice(0, space), line.slice(space + 1).split(' ')[0] ?? ''];
    });
}
