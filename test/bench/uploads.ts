// Uploads from outside the measured process, by a client that costs as little as one can: the form is made beforehand, and
// sent in one go on a connection that is kept.
import { Agent, request } from 'node:http';
import { filePart, multipartBody } from '../support/multipart.js';
import type { Ours } from './ours.js';

/** As long as those of browsers and of fetch: what looks for it in the body is the faster, the longer it is. */
const BOUNDARY = '----WebKitFormBoundary7MA4YWxkTrZu0gW';
const agent = new Agent({ keepAlive: true });

/** The body of an upload. */
export function formOf(source: Buffer): Buffer {
  return multipartBody([filePart('sourceImage', 'photo.jpg', source)], { boundary: BOUNDARY });
}

/** Sends `form` to `operation` and resolves with the answer's body once it is there. Rejects unless it is 200. */
export function upload(ours: Ours, operation: string, form: Buffer): Promise<Buffer> {
  const headers = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}`, 'content-length': form.length };
  return new Promise((resolve, reject) => {
    const sent = request(ours.url(operation), { method: 'POST', agent, headers }, async (response) => {
      try {
        const body = Buffer.concat(await response.toArray());
        if (response.statusCode === 200) resolve(body);
        else reject(new Error(`expected 200 for ${operation}, got ${response.statusCode}: ${body}`));
      } catch (error) {
        reject(error);
      }
    });
    sent.once('error', reject);
    sent.end(form);
  });
}
