// The WorkNotes port on Redis: one hash of sealed JSON.
import type { WorkNotes } from '../../kernel/ports/work-notes.js';
import { readIn } from './record-fields.js';
import { SEAL_CHARACTERS } from './seals.js';
import { healingTypes, type Session } from './session.js';

export class RedisWorkNotes implements WorkNotes {
  constructor(private readonly session: Session) {}

  async read(name: string): Promise<unknown> {
    const { keys, link, seals, deadlines } = this.session;
    const key = keys.workNotes;
    const reply = await healingTypes(this.session, [key], () => link.send(key, ['HGET', key, name], deadlines.getMs));
    if (typeof reply !== 'string') return undefined;
    const [seal, text] = [reply.slice(0, SEAL_CHARACTERS), reply.slice(SEAL_CHARACTERS)];
    return seals.proves('note', `${name}\0${text}`, seal) ? readIn(text, (value) => value) : undefined;
  }

  async write(name: string, value: unknown): Promise<void> {
    const { keys, link, seals, deadlines } = this.session;
    const key = keys.workNotes;
    const text = JSON.stringify(value);
    const sealed = seals.of('note', `${name}\0${text}`) + text;
    await healingTypes(this.session, [key], () => link.send(key, ['HSET', key, name, sealed], deadlines.setMs));
  }
}
