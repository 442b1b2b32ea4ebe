// HTTP dates (RFC 9110, section 5.6.7): IMF-fixdate out, and in also the two obsolete forms. Pure.

const IMF_FIXDATE =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d{2}:\d{2}:\d{2} GMT$/;
const RFC_850 =
  /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, \d{2}-(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-\d{2} \d{2}:\d{2}:\d{2} GMT$/;
const ASCTIME =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

/** Unix time in ms of an HTTP date, or `undefined` when the text is none. */
export function parseHttpDate(text: string): number | undefined {
  // asctime has no zone and is always meant in UTC; Date.parse would take it for local time.
  const dated = ASCTIME.test(text) ? `${text} GMT` : text;
  if (dated === text && !IMF_FIXDATE.test(text) && !RFC_850.test(text)) return undefined;
  const ms = Date.parse(dated);
  return Number.isNaN(ms) ? undefined : ms;
}

/** `unixMs` as an HTTP date; fractions of a second are cut off. */
export function httpDate(unixMs: number): string {
  return new Date(unixMs).toUTCString();
}
