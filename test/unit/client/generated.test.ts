// The client's types are those of the route tables, and what does not fit them does not compile.
import { expect, expectTypeOf, it } from 'vitest';
import type { Metadata, Operations, ProofsheetClient, Stored } from '../../../src/client/index.js';
import { CLIENT_TYPES, clientTypes } from '../../support/client-types.js';
import { readDocument } from '../../support/documents.js';

it('the generated file is what the route tables say; npm run docs writes it', () => {
  // Its style is the formatter's: only what it says is compared.
  const told = (text: string) => text.replace(/[\s;]+/g, '');
  expect(told(readDocument(CLIENT_TYPES))).toBe(told(clientTypes()));
});

it('what is asked and answered has the types of the routes', () => {
  expectTypeOf<Operations['getKeyCount']['answer']>().toEqualTypeOf<{ readonly count: number }>();
  expectTypeOf<Operations['getImage']['path']>().toEqualTypeOf<{
    readonly imageKey: string;
    readonly requestFormat: string;
  }>();
  expectTypeOf<Awaited<ReturnType<ProofsheetClient['metadata']>>>().toEqualTypeOf<Metadata>();
  expectTypeOf<Metadata['Proofsheet']['previews'][number]['width']>().toBeNumber();
  expectTypeOf<Awaited<ReturnType<ProofsheetClient['put']>>>().toEqualTypeOf<Stored>();
  // @ts-expect-error: a source is a Blob; a text would be sent as one.
  expectTypeOf<ProofsheetClient['put']>().parameter(0).toEqualTypeOf<string>();
});
