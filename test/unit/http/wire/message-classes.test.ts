// Requests and responses made as Express's own: it changes no prototype of theirs, and does all it does with plain ones.
import { createServer, type RequestListener } from 'node:http';
import express from 'express';
import request from 'supertest';
import { describe, expect, it } from 'vitest';
import { messageClassesOf } from '../../../../src/http/wire/message-classes.js';

function appWithRoute() {
  const app = express();
  app.get('/hello/:name', (request, response) => {
    response.json({
      name: request.params.name,
      query: request.query.q,
      own: request.app === app && response.app === app,
    });
  });
  return app;
}

describe('message classes', () => {
  it('keep their prototypes on the way through Express', async () => {
    const app = appWithRoute();
    const classes = messageClassesOf(app);
    const changed: boolean[] = [];
    const listener: RequestListener = (message, response) => {
      const before = [message, response].map(Object.getPrototypeOf);
      app(message, response);
      changed.push(...[message, response].map((made, index) => Object.getPrototypeOf(made) !== before[index]));
    };
    const answer = await request(createServer(classes, listener)).get('/hello/world?q=1').expect(200);
    expect(answer.body).toEqual({ name: 'world', query: '1', own: true });
    expect(changed).toEqual([false, false]);
  });

  it('leave an application that is handed plain ones as it was', async () => {
    const app = appWithRoute();
    messageClassesOf(app);
    const answer = await request(createServer(app)).get('/hello/world?q=1').expect(200);
    expect(answer.body).toEqual({ name: 'world', query: '1', own: true });
  });
});
