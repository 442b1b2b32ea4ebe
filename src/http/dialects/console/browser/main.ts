// The program of the console: takes events of all servers while somebody looks, and fills the page with them.
/// <reference lib="dom" />
import type { Overview } from '../../../../previews/overview.js';
import { drawCharts } from './charts.js';
import { byId, bytes, counted, duration, messageOf, number, type Place, percent, say, tell } from './dom.js';
import { showPicture } from './picture.js';
import { showContexts, showFailures, showPictures, showRefusals, showServers, showWork } from './tables.js';

/** Lists that are asked for, and do not come by themselves. */
const LISTS_MS = 15_000;
/** Without an event for so long the figures are called old. */
const SILENT_MS = 10_000;

let latest: Overview | undefined;
let past: Overview['past'];
let source: EventSource | undefined;
let lastEventAt = 0;

function picked(name: string): string {
  return document.querySelector<HTMLInputElement>(`input[name=${name}]:checked`)?.value ?? '';
}

function standing(state: 'is-live' | 'is-lost' | '', text: string): void {
  byId('state').className = state;
  say('said', text);
}

function showNow({ rates, levels, usage, limits, servers }: Overview): void {
  const looked = rates.hits + rates.misses;
  say('now-requests', `${number(rates.requests)}/s`);
  say('note-requests', `${bytes(rates.sentBytes)}/s sent`);
  say('now-ratio', percent(rates.hits, looked));
  say('note-ratio', `${number(rates.hits)} hits/s`);
  say('now-conversions', `${number(rates.conversions)}/s`);
  say('now-queue', duration(levels.queueAgeMs));
  say('note-queue', 'for a conversion');
  say('now-failures', `${number(rates.failures)}/s`);
  say('now-memory', bytes(levels.memoryBytes));
  say('note-memory', `${servers.length} ${servers.length === 1 ? 'process' : 'processes'}`);
  say('now-stored', bytes(usage.previewBytes + usage.sourceBytes));
  say(
    'note-stored',
    limits.maxBytes === undefined
      ? 'no limit'
      : `${percent(usage.previewBytes + usage.sourceBytes, limits.maxBytes)} of ${bytes(limits.maxBytes)}`,
  );
  say('now-groups', number(usage.groups));
  say('note-groups', `${percent(usage.groups, limits.maxGroups)} of ${number(limits.maxGroups)}`);
  say('note-conversions', counted(usage.sources, 'source'));
  const versions = [...new Set(servers.map(({ version }) => version))];
  const nodes = new Set(servers.map(({ node }) => node)).size;
  say('about', `version ${versions.join(', ')} · ${counted(nodes, 'server')} · ${counted(usage.keys, 'image key')}`);
}

function showOver(): void {
  if (past === undefined) return;
  const span = picked('span') === 'day' ? 'day' : 'hour';
  drawCharts(past[span], span);
}

function openPicture(key: string, place: Place): void {
  const { elements } = byId('ask') as HTMLFormElement;
  const field = (name: string) => elements.namedItem(name) as HTMLInputElement | null;
  (field('key') as HTMLInputElement).value = key;
  (field('context') as HTMLInputElement).value = place.context;
  const library = field('library');
  if (library) library.checked = place.isOfLibrary;
  void showPicture(key, place, '');
  byId('look-up').focus({ preventScroll: true });
  byId('look-up').scrollIntoView();
}

function take(overview: Overview): void {
  const isFirst = latest === undefined;
  latest = overview;
  lastEventAt = Date.now();
  standing('is-live', 'Live');
  showNow(overview);
  showServers(overview);
  if (overview.past) {
    past = overview.past;
    showOver();
    showFailures(past.failures);
    showPictures(past.sightings, openPicture);
  }
  if (isFirst) void showLists();
}

async function showLists(): Promise<void> {
  if (latest === undefined || document.hidden) return;
  const shown = [showRefusals(), showContexts(picked('by'), latest.limits), showWork()];
  for (const outcome of await Promise.allSettled(shown))
    if (outcome.status === 'rejected') tell(`A list could not be shown: ${messageOf(outcome.reason)}`);
}

/** A page that nobody sees asks for nothing. */
function listen(): void {
  source?.close();
  source = undefined;
  if (document.hidden) return;
  source = new EventSource(`${document.body.dataset.base}live`);
  source.addEventListener('overview', ({ data }) => take(JSON.parse(data) as Overview));
  source.addEventListener('error', () => {
    standing('is-lost', 'Connecting again');
    // A browser gives up for ever where the answer was a failure.
    if (source?.readyState === EventSource.CLOSED) setTimeout(listen, 5_000);
  });
}

byId('ask').addEventListener('submit', (event) => {
  event.preventDefault();
  const given = new FormData(event.target as HTMLFormElement);
  const text = (name: string) => String(given.get(name) ?? '');
  const place = { context: text('context'), isOfLibrary: given.has('library') };
  void showPicture(text('key'), place, text('format').trim());
});
for (const radio of document.querySelectorAll('input[name=span]')) radio.addEventListener('change', showOver);
for (const radio of document.querySelectorAll('input[name=by]'))
  radio.addEventListener('change', () => void showLists());
document.addEventListener('visibilitychange', listen);
setInterval(() => void showLists(), LISTS_MS);
setInterval(() => {
  if (lastEventAt > 0 && Date.now() - lastEventAt > SILENT_MS && !document.hidden) standing('is-lost', 'No news');
}, 1_000);
listen();
