// The ImageConverter API, as clients of the original know it: `/imageconverter/{operation}/{imageKey}/{requestFormat}`.

import { ERROR_CODES, plainFailure } from '../../replies/error-map.js';
import type { Dialect } from '../dialect.js';
import { FAILURE } from './descriptions.js';
import { type OperationSettings, operationsOf } from './operations.js';

export interface ImageConverterSettings extends OperationSettings {
  /** Where the operations live, e.g. `/imageconverter`; begins with a slash and does not end with one. */
  readonly basePath: string;
  /** Answer every failure of an operation with status 500, as the original does. */
  readonly strictErrors: boolean;
}

export function imageConverter(settings: ImageConverterSettings): Dialect {
  return {
    name: 'image-converter',
    mount: settings.basePath,
    routes: Object.values(operationsOf(settings)),
    summary: 'Image keys, target formats and request formats, as clients of the original ImageConverter know them.',
    failureSchema: FAILURE,
    /**
     * With `strictErrors` the status is that of `internal` and the body unchanged; only 401 stays what it is, because without it no client
     * would ever send its credentials. What is no operation was never answered by the original.
     */
    renderFailure(failure, operation) {
      const rendered = plainFailure(failure);
      const isHidden = settings.strictErrors && operation !== undefined && failure.error.code !== 'unauthorized';
      return isHidden ? { ...rendered, status: ERROR_CODES.internal.status } : rendered;
    },
  };
}
