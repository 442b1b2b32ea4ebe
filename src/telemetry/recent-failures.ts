// The requests that failed last, for whoever looks at this process: in memory, and never more than it tells.
import type { ErrorName } from '../kernel/errors.js';
import { type FailureStory, MAX_PATH, MOST_STORIES } from '../kernel/process-report.js';

/**
 * What clients meet in passing, and are right to: a key that is not cached yet, a digest whose bytes are still to be sent, a login that is
 * still to come. They are counted.
 */
export const PASSING: ReadonlySet<string> = new Set<ErrorName>([
  'unknown-image-key',
  'missing-source-image',
  'unauthorized',
]);

export class RecentFailures {
  private readonly stories: FailureStory[] = [];

  note(story: FailureStory): void {
    if (PASSING.has(story.error)) return;
    this.stories.unshift({ ...story, path: story.path.slice(0, MAX_PATH) });
    this.stories.length = Math.min(this.stories.length, MOST_STORIES);
  }

  /** The latest first. */
  list(): readonly FailureStory[] {
    return [...this.stories];
  }
}
