// The settings of the HTTP edge: where it listens, how long it waits, who may clear, and what it says about itself.
import { parsePassword } from '../kernel/credentials.js';
import { DIALECT_NAMES, parseEnabledDialect } from '../kernel/dialect-names.js';
import { parseHostRule } from '../kernel/source-url.js';
import { autoOr, choice, flag, optional, parsedList, secretLines, text, texts, whole } from './kinds.js';
import { setting } from './setting.js';

/** An hour: no request has a reason to last longer. */
const HOUR_MS = 3_600_000;

/** Sets of other defaults, each a file below config/profiles. */
export const PROFILES = ['app-suite'] as const;
export type Profile = (typeof PROFILES)[number];

export const SERVER = {
  profile: setting(
    'PROFILE',
    optional(choice(PROFILES)),
    'Other defaults for a place to work in; whatever is set beside it goes over them.',
  ),
  oxProperties: setting(
    'OX_PROPERTIES',
    optional(text('path of an imageconverter.properties')),
    'The original’s own property file: what of it is a setting here goes over the profile, and under everything else.',
  ),
  host: setting(
    'HOST',
    text('address or host name to listen on', /^[^\s/]{1,255}$/),
    'Address to listen on; 0.0.0.0 or :: for every interface.',
  ),
  port: setting('PORT', whole('port number', { min: 0, max: 65_535 }), 'Port to listen on; 0 takes any free one.'),
  basePath: setting(
    'BASE_PATH',
    text('path that starts with / and does not end with one', /^(?:\/[A-Za-z0-9._~-]+)+$/),
    'Path in front of every ImageConverter operation; /metrics, /healthz and /readyz stay at the root.',
  ),
  dialects: setting(
    'DIALECTS',
    parsedList(`list of NAME or NAME=/PATH, names of ${DIALECT_NAMES.join(', ')}`, 16, parseEnabledDialect),
    'Faces of this server, each below its usual path (/imageconverter by server.basePath, /livingdocs, /mediagraph, /imaginary, /dzi, /iiif, /zoomhub, /micrio) or the one named; =/ is the root. A library’s are shut without library.tenants.',
  ),
  publicUrl: setting(
    'PUBLIC_URL',
    optional(text('URL of http or https without a slash at its end', /^https?:\/\/[^\s/?#@]+(?:\/[A-Za-z0-9._~-]+)*$/)),
    'How clients reach this server, in front of URLs that are handed out for good; unset is where it listens, or, where that is more than one place, as a client asks.',
  ),
  tlsPort: setting(
    'TLS_PORT',
    optional(whole('port number', { min: 0, max: 65_535 })),
    'Second port with the same operations by TLS; needs a certificate and its key.',
  ),
  tlsCert: setting(
    'TLS_CERT',
    optional(text('path of a PEM file')),
    'Certificate of the TLS port, with those between it and the root; read again when it changes.',
  ),
  tlsKey: setting(
    'TLS_KEY',
    optional(text('path of a PEM file')),
    'Key of the TLS certificate, without a passphrase; read again when it changes.',
  ),
  healthPort: setting(
    'HEALTH_PORT',
    optional(whole('port number', { min: 0, max: 65_535 })),
    'Port with the probes and metrics alone: /health/liveness, /health/readiness, /healthz, /readyz, /metrics.',
  ),
  publicMetrics: setting(
    'PUBLIC_METRICS',
    flag(),
    'Answer /metrics, /healthz and /readyz on the main port too; false needs a health port.',
  ),
  workers: setting(
    'WORKERS',
    autoOr(whole('processes', { min: 1, max: 256 })),
    'HTTP processes that share the port, catalog and blobs; auto is one per core.',
    { auto: (machine) => machine.cores },
  ),
  maxConnections: setting(
    'MAX_CONNECTIONS',
    whole('connections', { min: 1, max: 1_000_000 }),
    'Open connections per HTTP process; more are refused.',
  ),
  maxUploads: setting(
    'MAX_UPLOADS',
    whole('uploads', { min: 1, max: 100_000 }),
    'Uploads received at the same time per HTTP process; more are answered 503 with Retry-After.',
  ),
  headersTimeoutMs: setting(
    'HEADERS_TIMEOUT_MS',
    whole('ms', { min: 100, max: HOUR_MS }),
    "Time in which a request's headers must have arrived.",
  ),
  keepAliveTimeoutMs: setting(
    'KEEP_ALIVE_TIMEOUT_MS',
    whole('ms', { min: 100, max: HOUR_MS }),
    'How long an idle connection is kept; longer than the load balancer in front keeps it.',
  ),
  requestTimeoutMs: setting(
    'REQUEST_TIMEOUT_MS',
    whole('ms', { min: 1_000, max: HOUR_MS }),
    'Time in which a whole request, upload included, must have arrived.',
  ),
  uploadIdleTimeoutMs: setting(
    'UPLOAD_IDLE_TIMEOUT_MS',
    whole('ms', { min: 100, max: HOUR_MS }),
    'Longest pause within an upload; then it is answered 408.',
  ),
  uploadTimeoutMs: setting(
    'UPLOAD_TIMEOUT_MS',
    whole('ms', { min: 1_000, max: HOUR_MS }),
    'Time in which an upload must have arrived; then it is answered 408.',
  ),
  sendTimeoutMs: setting(
    'SEND_TIMEOUT_MS',
    whole('ms', { min: 100, max: HOUR_MS }),
    'Longest pause of a client that takes an answer; then the connection is closed.',
  ),
  drainTimeoutMs: setting(
    'DRAIN_TIMEOUT_MS',
    whole('ms', { min: 0, max: HOUR_MS }),
    'Time for requests and background work to end after SIGTERM or SIGINT.',
  ),
  trustProxyHops: setting(
    'TRUST_PROXY_HOPS',
    whole('proxies', { min: 0, max: 16 }),
    'Proxies in front whose X-Forwarded-For and X-Forwarded-Proto are believed; 0 believes none.',
  ),
  corsOrigins: setting(
    'CORS_ORIGINS',
    optional(texts('* or list of origins such as https://app.example', /^(?:\*|https?:\/\/[^\s/,@]+)$/, isOrigin)),
    'Origins whose pages may read answers; unset sends no CORS headers.',
  ),
  allowedHosts: setting(
    'ALLOWED_HOSTS',
    optional(texts('list of host names, each with or without a port', /^[A-Za-z0-9._-]+(?::[0-9]{1,5})?$/)),
    'Host headers that are answered, beside addresses and localhost; unset answers any.',
  ),
  cacheControl: setting(
    'CACHE_CONTROL',
    text('value of a Cache-Control header, 1 to 200 characters', /^[\x20-\x7e]{1,200}$/),
    'Cache-Control of images and metadata.',
  ),
  strictErrors: setting(
    'STRICT_ERRORS',
    flag(),
    'Answer every failure of an ImageConverter operation with status 500, as the original does.',
  ),
  strictFormats: setting(
    'STRICT_FORMATS',
    flag(),
    'Answer a request format that does not parse 400 (4002), instead of reading it as the original does.',
  ),
} as const;

export const ADMIN = {
  user: setting(
    'ADMIN_USER',
    text('user name, 1 to 128 characters without colon', /^[^:\p{Cc}]{1,128}$/u),
    'User of the protected operations (basic auth).',
    { reloads: true },
  ),
  password: setting(
    'ADMIN_PASSWORD',
    optional(
      secretLines('list (in the environment one a line) of 1 to 16 passwords or scrypt hashes', 16, parsePassword),
    ),
    'Passwords of the protected operations, each plain or as "proofsheet hash-password" prints it; several are valid side by side, for rotation. Unset answers those operations 403.',
    { secret: true, reloads: true },
  ),
} as const;

export const TELEMETRY = {
  logLevel: setting(
    'LOG_LEVEL',
    choice(['debug', 'info', 'warn', 'error', 'silent']),
    'Least severe log lines that are written; debug adds a line per cache hit.',
    { reloads: true },
  ),
  oxMetrics: setting(
    'OX_METRICS',
    flag(),
    'Tell the figures by the names of the original’s metrics too, as its Grafana board asks for them.',
  ),
  traceHosts: setting(
    'TRACE_HOSTS',
    optional(parsedList('list of 1 to 100 host, host:port or *.domain', 100, parseHostRule)),
    'Hosts of sources and webhooks that are told by traceparent which trace a request belongs to, where an OpenTelemetry SDK is registered. Unset: none.',
  ),
} as const;

function isOrigin(given: string): boolean {
  return given === '*' || URL.canParse(given);
}
