// What commands ask of a server's administration, `/admin` beside its base path, as its admin.
import { ProofsheetApiError } from '../client/index.js';
import { type Connection, connectionOf } from './connection.js';
import { type Given, secretOf, UsageError } from './usage.js';

export interface Administration extends Connection {
  /** The answer of `GET /admin…`, or of a POST where there is a body. Throws `ProofsheetApiError`. */
  ask<Answer>(path: string, body?: object): Promise<Answer>;
}

export async function administrationOf(given: Given): Promise<Administration> {
  const connection = await connectionOf(given);
  const file = given.values['password-file'];
  const password = file === undefined ? undefined : await secretOf(file);
  const login = Buffer.from(`${given.values.user ?? 'admin'}:${password ?? ''}`).toString('base64');
  return {
    ...connection,
    async ask<Answer>(path: string, body?: object): Promise<Answer> {
      // They would be steps within the path.
      if (/\/\.{1,2}(?=\/|$)/.test(path)) throw new UsageError('expected a name other than . and .., got one of them');
      const answer = await fetch(new URL(`/admin${path}`, connection.url), {
        headers: {
          ...(password !== undefined && { Authorization: `Basic ${login}` }),
          ...(body && { 'Content-Type': 'application/json' }),
        },
        ...(body && { method: 'POST', body: JSON.stringify(body) }),
      });
      if (!answer.ok) throw await ProofsheetApiError.of(answer);
      return (await answer.json().catch(() => {
        throw new ProofsheetApiError(answer.status, undefined, 'expected JSON of the server, got something else');
      })) as Answer;
    },
  };
}

/** An option that has to be there. */
export function needed({ values }: Given, name: string, command: string): string {
  const value = values[name];
  if (value !== undefined) return value;
  throw new UsageError(`${command} needs --${name}`);
}
