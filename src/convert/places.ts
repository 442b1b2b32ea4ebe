// Everybody who waits for a conversion, as of now.
import { clientContextOf } from '../kernel/image-key.js';
import { type Joined, type Place, PRIORITIES, type Priority } from '../kernel/ports/converter.js';

type Shared = Place & { readonly joined?: Joined };

/** The place of who has begun it, then those of who joined. */
export function placesOf(job: Shared): readonly Place[] {
  const places: Place[] = [ofClient(job)];
  job.joined?.each((place) => places.push(ofClient(place)))();
  return places;
}

/** Whether a tenant uploads or imports, it takes the turns of one context. */
export function ofClient<P extends Place>(place: P): P {
  return { ...place, context: clientContextOf(place.context) };
}

export function bestPriority(job: Shared): Priority {
  const priorities = placesOf(job).map(({ priority }) => priority);
  return PRIORITIES.find((priority) => priorities.includes(priority)) ?? job.priority;
}
