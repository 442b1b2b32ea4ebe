// Bodies of JSON that are held at the same time: so many and so many bytes of all, and a quarter of each of one holder.
import { expect, it } from 'vitest';
import { JsonBodies } from '../../../../src/http/uploads/receive-json.js';

const OVERLOADED = expect.objectContaining({ code: 'overloaded', retryAfterSeconds: 1 });
const OVER_QUOTA = expect.objectContaining({ code: 'over-quota', retryAfterSeconds: 1 });
const names = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => `client ${from + at}`);

it('takes so many bodies and so many bytes at the same time, and as many again once they are answered', () => {
  const bodies = new JsonBodies({ bodies: 4, bytes: 100 });
  const held = names(0, 4).map((name) => bodies.enter(name));
  expect(() => bodies.enter('another')).toThrow(OVERLOADED);
  for (const hold of held) hold.add(25);
  held[0]?.leave();
  const other = bodies.enter('another');
  other.add(25);
  expect(() => held[1]?.add(1)).toThrow(OVER_QUOTA);
  expect(() => bodies.enter('a fifth')).toThrow(OVERLOADED);
  for (const hold of [other, ...held.slice(1)]) hold.leave();
  const again = names(4, 8).map((name) => bodies.enter(name));
  for (const hold of again) hold.add(25);
});

it('one holder takes a quarter of both, however many bodies it is', () => {
  const bodies = new JsonBodies({ bodies: 8, bytes: 100 });
  const [first, second] = [bodies.enter('one'), bodies.enter('one')];
  expect(() => bodies.enter('one')).toThrow(OVER_QUOTA);
  first.add(20);
  second.add(5);
  expect(() => second.add(1)).toThrow(OVER_QUOTA);
  bodies.enter('other').add(25);
  first.leave();
  second.add(20);
  bodies.enter('one').leave();
});

it('bytes that were refused are not counted', () => {
  const bodies = new JsonBodies({ bodies: 8, bytes: 100 });
  const hold = bodies.enter('one');
  for (let attempt = 0; attempt < 10; attempt++) expect(() => hold.add(26)).toThrow(OVER_QUOTA);
  hold.add(25);
});
