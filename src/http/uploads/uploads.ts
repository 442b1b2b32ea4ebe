// All uploads of a server together: how many are received at once, and when a client is told to go on.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ProofsheetError } from '../../kernel/errors.js';
import type { Metrics } from '../../kernel/ports/metrics.js';
import type { Upload } from '../../previews/answers.js';
import { awaitsContinue } from '../wire/expectation.js';
import { HeldUploads } from './held-uploads.js';
import { checkUploadHeaders, receiveUpload, type UploadLimits, type UploadShape } from './receive-source.js';

export interface UploadsLimits extends UploadLimits {
  /** Uploads that are received at the same time; more are answered `overloaded`. */
  readonly maxUploads: number;
}

export interface Uploads {
  /** As `receiveUpload`; throws `overloaded` when too many are being received. */
  receive(request: IncomingMessage, response: ServerResponse, shape?: UploadShape): Promise<Upload>;
}

/** Bounds the uploads in flight by `maxUploads`. */
export function createUploads(config: UploadsLimits, metrics: Metrics): Uploads {
  let receiving = 0;
  const holding = new HeldUploads();
  return {
    async receive(request, response, shape = {}) {
      if (receiving >= config.maxUploads) {
        throw new ProofsheetError('overloaded', 'too many uploads are being received; send this one again in a moment');
      }
      receiving++;
      try {
        const { maxBytes = config.maxSourceBytes } = shape;
        const limits = { ...config, maxSourceBytes: Math.min(config.maxSourceBytes, maxBytes) };
        checkUploadHeaders(request, limits.maxSourceBytes, shape);
        // A client that asked first sends nothing until here: every refusal above saved it the upload.
        if (awaitsContinue(request)) response.writeContinue();
        const onBytes = (bytes: number): void => metrics.count('upload_bytes_total', {}, bytes);
        return await receiveUpload(request, limits, onBytes, shape, holding);
      } finally {
        receiving--;
      }
    },
  };
}
