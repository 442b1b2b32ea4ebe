// Bodies of JSON that are held at the same time: so many, and so many bytes, whoever sends them.
import { expect, it } from 'vitest';
import { JsonBodies } from '../../../../src/http/uploads/receive-json.js';

it('takes so many bodies and so many bytes at the same time, and as many again once they are answered', () => {
  const bodies = new JsonBodies({ bodies: 2, bytes: 100 });
  const [first, second] = [bodies.enter(), bodies.enter()];
  expect(() => bodies.enter()).toThrow('too many');
  first.add(60);
  second.add(40);
  expect(() => second.add(1)).toThrow(expect.objectContaining({ code: 'overloaded', retryAfterSeconds: 1 }));
  first.leave();
  second.add(60);
  bodies.enter();
  second.leave();
  const last = bodies.enter();
  last.add(100);
  expect(() => last.add(1)).toThrow('too many');
});
