// The node:http server under the edge: its limits and timeouts, and the answers to what is no request at all.
import http, { type RequestListener, type Server } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { ProofsheetError } from '../../kernel/errors.js';
import type { Logger } from '../../kernel/ports/logger.js';
import { failureOf, type ProtocolErrorName } from '../replies/error-map.js';
import { createHostCheck } from './allowed-hosts.js';
import { createGarbageBound, sendError, sendProtocolError, sendRawError } from './error-response.js';
import type { Exchange, ExchangeLog } from './exchange-log.js';
import type { MessageClasses } from './message-classes.js';
import { createPipeline, type Handler, MAX_WAITING_REQUESTS, type Pipeline } from './pipelined-requests.js';
import { faultOf, foldedTarget, isPlain, MAX_HEADER_LINES, originForm } from './request-rules.js';
import type { TlsPair } from './tls-files.js';
import { createUpgradeWatch } from './upgrade-watch.js';

/** Limits of connections and of requests as such. */
export interface WireLimits {
  /** Open connections; more are dropped. */
  readonly maxConnections: number;
  /** Time for request line and headers. */
  readonly headersTimeoutMs: number;
  /** How long an idle connection is kept. */
  readonly keepAliveTimeoutMs: number;
  /** Time for a whole request; the net below the upload's own deadlines, so longer than they are. */
  readonly requestTimeoutMs: number;
  /** Host headers that are answered, beside addresses and `localhost`; none: any. */
  readonly allowedHosts: readonly string[];
}

/** Request line and headers together; Node's own default, written down because error messages quote it. */
const MAX_HEADER_BYTES = 16 * 1024;
/** How often Node looks for requests that are over their time: its 30 s would make every timeout 30 s late. */
const CONNECTIONS_CHECK_MS = 500;

/** What a server is made of, beside its limits. */
export interface ServerParts {
  /** Gets what `answersHot` has not answered. */
  readonly listener: RequestListener;
  readonly classes: MessageClasses;
  readonly answersHot: (...asked: Parameters<Handler>) => boolean;
  readonly exchanges: ExchangeLog;
  readonly logger: Logger;
}

/** A server over its parts, by TLS with `tls`. Timeouts go to the constructor, because Node derives one from another there and only there. */
export function createServer(parts: ServerParts, config: WireLimits, tls?: TlsPair): Server {
  const { exchanges, logger } = parts;
  /** Why the bodies of requests broke before it was their turn. */
  const brokenWaiting: BrokenWaiting = new WeakMap();
  const pipeline = createPipeline(requestAnswer(parts, config, brokenWaiting), () =>
    logger.warn({ maxWaitingRequests: MAX_WAITING_REQUESTS }, 'connection closed: too many pipelined requests'),
  );
  const onClientError = clientErrorAnswer(pipeline, exchanges, brokenWaiting);
  const begins = createUpgradeWatch(MAX_HEADER_BYTES, (socket) => onClientError(new Error('garbage'), socket));
  const answer: RequestListener = (request, response) => {
    begins(request);
    pipeline.handle(request, response);
  };
  const options = { ...parts.classes, ...serverOptions(config) };
  const server =
    tls === undefined
      ? http.createServer(options, answer)
      : https.createServer({ ...options, ...tls, handshakeTimeout: config.headersTimeoutMs }, answer);
  if (tls !== undefined) closeHandshakesToo(server);
  server.maxConnections = config.maxConnections;
  // One more than is answered, so that what Node would drop is noticed.
  server.maxHeadersCount = MAX_HEADER_LINES + 1;

  // 100 Continue is written when an operation begins to read its upload, after everything else was checked.
  server.on('checkContinue', answer);
  server.on('checkExpectation', (request, response) => {
    sendProtocolError(response, exchanges.begin(request, response), 'unknown-expectation');
  });
  server.on('connect', (_request, socket: Socket) => {
    sendRawError(socket, 'malformed-request');
  });
  server.on('clientError', onClientError);
  server.on('drop', () => {
    logger.warn({ maxConnections: config.maxConnections }, 'connection dropped: too many are open');
  });
  return server;
}

type BrokenWaiting = WeakMap<http.ServerResponse, NodeJS.ErrnoException>;

function serverOptions(config: WireLimits): http.ServerOptions {
  return {
    headersTimeout: config.headersTimeoutMs,
    // Node refuses to start with less than the time for the headers alone.
    requestTimeout: Math.max(config.requestTimeoutMs, config.headersTimeoutMs),
    keepAliveTimeout: config.keepAliveTimeoutMs,
    connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    // Node answers a missing Host without a body; the listener does it with one.
    requireHostHeader: false,
    insecureHTTPParser: false,
    noDelay: true,
  };
}

/** Answers a request whose turn it is: hot, as what it breaks, or by the listener. */
function requestAnswer(
  { listener, answersHot, exchanges }: ServerParts,
  config: WireLimits,
  brokenWaiting: BrokenWaiting,
): Handler {
  // Without the setting nothing is looked at, so that a hit pays nothing.
  const isOurHost = config.allowedHosts.length > 0 ? createHostCheck(config.allowedHosts) : undefined;
  const refuse = (request: http.IncomingMessage, response: http.ServerResponse, fault: ProtocolErrorName): void =>
    sendProtocolError(response, exchanges.begin(request, response), fault, [['Connection', 'close']]);
  return (request, response, pipelined) => {
    const breach = pipelined ? brokenWaiting.get(response) : undefined;
    if (breach !== undefined) return answerBroken(exchanges, response, exchanges.begin(request, response), breach);
    if (isOurHost?.(request) === false) return refuse(request, response, 'unknown-host');
    // Before `headers` is touched: building it would cost a prepared answer a good part of its time.
    if (isPlain(request) && answersHot(request, response, pipelined)) return;
    const fault = faultOf(request);
    if (fault !== undefined) return refuse(request, response, fault);
    request.url = foldedTarget(originForm(request.url ?? '') ?? '');
    listener(request, response);
  };
}

/** Answers what Node could not read: as the request's own failure where one is under way, else as no request at all. */
function clientErrorAnswer(
  pipeline: Pick<Pipeline, 'lastWaiting'>,
  exchanges: ExchangeLog,
  brokenWaiting: BrokenWaiting,
): (error: NodeJS.ErrnoException, socket: Socket) => void {
  const boundGarbage = createGarbageBound();
  return (error, socket) => {
    // A handshake that failed leaves nothing that an answer could be written to.
    if (error.code === 'ECONNRESET' || !socket.writable || /^ERR_(?:SSL|TLS)_/.test(error.code ?? '')) {
      socket.destroy();
      return;
    }
    const waiting = pipeline.lastWaiting(socket);
    const response = waiting ?? exchanges.pendingOn(socket);
    if (response === undefined) {
      sendRawError(socket, protocolErrorOf(error));
    } else if (response.headersSent) {
      socket.destroy();
    } else if (response.req.complete) {
      // What broke comes behind a request that is still worked on: that one gets its answer, and is the last.
      response.setHeader('Connection', 'close');
      boundGarbage(socket);
    } else if (waiting !== undefined) {
      brokenWaiting.set(waiting, error);
      boundGarbage(socket);
    } else {
      // The body broke while its request was being worked on: answered as what it is, a broken upload.
      answerBroken(exchanges, response, exchanges.of(response), error);
    }
  };
}

function answerBroken(
  exchanges: ExchangeLog,
  response: http.ServerResponse,
  exchange: Exchange,
  error: NodeJS.ErrnoException,
): void {
  const failure = failureOf(bodyFailure(error));
  exchanges.failed(exchange, failure);
  response.setHeader('Connection', 'close');
  sendError(response, exchange, exchange.renderFailure(failure));
  // Node forgets the request with its answer: whoever still reads its body would wait for ever.
  response.once('close', () => response.req.destroy());
}

/**
 * Node's list of connections holds those that speak HTTP already: one whose handshake is under way when all are closed would
 * outlive them, and keep a server from ever being closed.
 */
function closeHandshakesToo(server: Server): void {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  const closeHttp = server.closeAllConnections.bind(server);
  server.closeAllConnections = () => {
    closeHttp();
    for (const socket of open) socket.destroy();
  };
}

function protocolErrorOf(error: NodeJS.ErrnoException): ProtocolErrorName {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return 'header-too-large';
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'request-too-slow';
    default:
      return 'malformed-request';
  }
}

function bodyFailure(error: NodeJS.ErrnoException): ProofsheetError {
  return error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
    ? new ProofsheetError('upload-too-slow', 'the upload did not arrive in time; nothing was stored')
    : new ProofsheetError(
        'broken-upload',
        'expected the body to go on as its headers said, got a malformed or cut one',
      );
}
