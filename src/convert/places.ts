// Everybody who waits for a conversion, as of now.
import { type Joined, type Place, PRIORITIES, type Priority } from '../kernel/ports/converter.js';

type Shared = Place & { readonly joined?: Joined };

/** The place of who has begun it, then those of who joined. */
export function placesOf(job: Shared): readonly Place[] {
  const places: Place[] = [job];
  job.joined?.each((place) => places.push(place))();
  return places;
}

export function bestPriority(job: Shared): Priority {
  const priorities = placesOf(job).map(({ priority }) => priority);
  return PRIORITIES.find((priority) => priorities.includes(priority)) ?? job.priority;
}
