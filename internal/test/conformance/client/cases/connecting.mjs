// What a connection is opened with, and what the server knows of it.
import * as signalR from '@microsoft/signalr';
import { longPollingAlone, notWebSockets, webSocketsAlone } from './exceptions.mjs';

const unauthorized = "Failed to complete negotiation with the server: Error: Unauthorized: Status code '401'";
const forbidden = "Failed to complete negotiation with the server: Error: Forbidden: Status code '403'";

// What the client says where a WebSocket is refused, whatever the status.
const webSocketRefused = /^WebSocket failed to connect\. The connection could not be found on the server/;

// expelled is what a call is refused with when requests are refused: its own, or, over long polling, the poll that ended before.
const expelled = /^Unauthorized: Status code '401'$|^fetch failed$|Invocation canceled|^Cannot send data if the connection is not in the 'Connected' State\.$/;

// carried says where the requests of an authorised connection carry the token: in Node, which can give headers to a WebSocket
// but whose EventSource is given none for the token.
const carried = {
  WebSockets: { POST: 'header', GET: 'header' },
  ServerSentEvents: { POST: 'header', GET: 'query' },
  LongPolling: { POST: 'header', GET: 'header', DELETE: 'header' },
};

const whereTokenIs = (request) => [request.authorization && 'header', request.accessToken && 'query'].filter(Boolean).join(' and ');

async function authorized(t, accessTokenFactory, token) {
  const c = await t.connect({ hub: 'guarded', http: { accessTokenFactory } });
  t.equal(await c.invoke('Echo', '你好，世界！'), '你好，世界！');
  t.equal(await c.invoke('UserName'), 'known');
  await c.stop();
  t.equal(await c.gone(), undefined);
  for (const request of await t.requests()) {
    t.equal(whereTokenIs(request), carried[t.transport][request.method], `${request.method} ${request.path}`);
    t.equal(request.authorization || `Bearer ${request.accessToken}`, `Bearer ${token}`);
  }
}

// Asking is an HTTP client that returns a 401 instead of throwing it, so that the one around it asks for another token.
class Asking extends signalR.HttpClient {
  constructor() {
    super();
    this.inner = new signalR.DefaultHttpClient(signalR.NullLogger.instance);
  }

  async send(request) {
    try {
      return await this.inner.send(request);
    } catch (error) {
      if (error.statusCode === 401) {
        return new signalR.HttpResponse(401);
      }
      throw error;
    }
  }

  getCookieString(url) {
    return this.inner.getCookieString(url);
  }
}

export const aboutConnecting = [
  ['transport that was asked for', async (t) => {
    const c = await t.connect();
    await c.invoke('Nothing');
    const [negotiate, first] = await t.requests();
    t.equal([negotiate.method, negotiate.path], ['POST', '/default/negotiate']);
    t.equal({ method: first.method, upgrade: first.upgrade, events: first.accept === 'text/event-stream' },
      { method: 'GET', upgrade: t.transport === 'WebSockets', events: t.transport === 'ServerSentEvents' });
  }],

  ['connection id is the one that the server knows', async (t) => {
    const c = t.client();
    t.equal(c.id, null);
    await c.connection.start();
    t.equal(await c.invoke('ConnectionID'), c.id);
    const before = c.id;
    await c.stop();
    t.equal(c.id, null);
    await c.connection.start();
    t.equal(await c.invoke('ConnectionID'), c.id);
    t.ok(before && c.id && before !== c.id, `ids of two connections: ${before}, ${c.id}`);
  }],

  ['connection id is not what a connection is claimed with', async (t) => {
    const c = await t.connect();
    await c.invoke('Nothing');
    const tokens = (await t.requests({ path: '/default' })).map((r) => r.id);
    t.ok(tokens.length > 0 && tokens.every((token) => token && token !== c.id), `tokens ${tokens}, id ${c.id}`);
  }],

  ['can be restarted', async (t) => {
    const c = await t.connect();
    for (let i = 0; i < 3; i++) {
      t.equal(await c.invoke('Echo', '你好，世界！'), '你好，世界！');
      await c.stop();
      await t.until(c.connection.start(), `start ${i + 2}`);
    }
    t.equal(await c.invoke('Echo', 'x'), 'x');
    t.equal(c.closes, 3);
  }],

  ['query string of the URL', async (t) => {
    const c = await t.connect({ query: { plain: '1', odd: 'ä&=? +%20/\u{1f44b}', empty: '' } });
    t.equal(await c.invoke('Query', 'plain'), '1');
    t.equal(await c.invoke('Query', 'odd'), 'ä&=? +%20/\u{1f44b}');
    t.equal(await c.invoke('Query', 'empty'), '');
    t.equal(await c.invoke('Query', 'none'), null);
  }],

  ['user agent', async (t) => {
    const c = await t.connect();
    const agent = await c.invoke('Header', 'User-Agent');
    t.ok(/^Microsoft SignalR\/10\.\d+ \(10\.\S+; [^;]+; NodeJS; v?[\d.]+\)$/.test(agent), agent);
  }],

  ['headers of the application', async (t) => {
    const c = await t.connect({ http: { headers: { 'User-Agent': 'Custom Agent', 'X-HEADER': 'VALUE' } } });
    t.equal(await c.invoke('Header', 'User-Agent'), 'Custom Agent');
    t.equal(await c.invoke('Header', 'X-HEADER'), 'VALUE');
  }],

  ['cookies', async (t) => {
    const c = await t.connect();
    t.equal(await c.invoke('Cookie', 'testCookie'), 'testValue');
    t.equal(await c.invoke('Cookie', 'testCookie2'), 'testValue2');
    t.equal(await c.invoke('Cookie', 'expiredCookie'), null);
  }],

  // Acceptance.
  ['access token', (t) => authorized(t, () => 'good', 'good')],

  // Acceptance: A-007.
  ['access token from an asynchronous factory', (t) => authorized(t, async () => {
    await t.pause(10);
    return 'good+/=';
  }, 'good+/=')],

  ['access token is asked for as often as needed', async (t) => {
    let asked = 0;
    const c = await t.connect({ hub: 'guarded', http: { accessTokenFactory: () => `good ${++asked}` } });
    await c.invoke('Nothing');
    t.equal(asked, t.transport === 'WebSockets' ? 2 : 1); // for negotiate, and for the WebSocket once more
  }],

  ['no access token', async (t) => {
    await t.refused(t.client({ hub: 'guarded' }).connection.start(), unauthorized);
  }],

  // Acceptance: A-065.
  ['bad access token', async (t) => {
    await t.refused(t.client({ hub: 'guarded', http: { accessTokenFactory: () => 'bad' } }).connection.start(), unauthorized);
  }],

  ['access token of somebody who may not connect', async (t) => {
    await t.refused(t.client({ hub: 'guarded', http: { accessTokenFactory: () => 'banned' } }).connection.start(), forbidden);
  }],

  ['no such hub', async (t) => {
    await t.refused(t.client({ hub: 'nowhere' }).connection.start(),
      /^Failed to complete negotiation with the server: Error: .*: Status code '404' Either this is not a SignalR endpoint or there is a proxy blocking the connection\.$/s);
  }],

  ['stopped while it starts', async (t) => {
    const c = t.client();
    const start = c.connection.start();
    await Promise.all([t.refused(start, /stop/), c.stop()]);
    t.equal(c.connection.state, signalR.HubConnectionState.Disconnected);
    await t.until(c.connection.start(), 'start');
    t.equal(await c.invoke('Echo', 'x'), 'x');
  }],

  ['unknown protocol', async (t) => {
    const protocol = Object.assign(new signalR.JsonHubProtocol(), { name: 'morse' });
    await t.refused(t.client({ configure: (b) => b.withHubProtocol(protocol) }).connection.start(),
      "Server returned handshake error: The protocol 'morse' is not supported.");
  }],

  ['without negotiation', async (t) => {
    const c = await t.connect({ http: { skipNegotiation: true } });
    t.equal(c.id, null);
    t.equal(await c.invoke('Echo', 'x'), 'x');
    t.ok(await c.invoke('ConnectionID'), 'the server has given the connection no id');
    await c.stop();
    t.equal((await t.requests()).map((r) => [r.method, r.id]), [['GET', '']]);
  }, webSocketsAlone('only a WebSocket can do without negotiation')],

  ['without negotiation, with an access token', async (t) => {
    const c = await t.connect({ hub: 'guarded', http: { skipNegotiation: true, accessTokenFactory: () => 'good' } });
    t.equal(await c.invoke('UserName'), 'known');
  }, webSocketsAlone('only a WebSocket can do without negotiation')],

  ['without negotiation, refused', async (t) => {
    const c = t.client({ hub: 'guarded', http: { skipNegotiation: true, accessTokenFactory: () => 'bad' } });
    await t.refused(c.connection.start(), webSocketRefused);
  }, webSocketsAlone('only a WebSocket can do without negotiation')],

  ['access token that is bad by the time of the WebSocket', async (t) => {
    const tokens = ['good', 'bad'];
    const c = t.client({ hub: 'guarded', http: { accessTokenFactory: () => tokens.shift() } });
    await t.refused(c.connection.start(), /WebSocket failed to connect\./);
  }, webSocketsAlone('the other transports use the token of negotiate')],

  ['access token that is bad by the time of a request', async (t) => {
    const token = `good until revoked ${t.tag}`;
    const c = await t.connect({ hub: 'guarded', http: { accessTokenFactory: () => token } });
    await c.invoke('Nothing');
    await t.ask('revoke', { token });
    await t.refused(c.invoke('Nothing'), expelled);
  }, notWebSockets('a WebSocket is one request')],

  ['access token that is bad by the time of a request, and another', async (t) => {
    const first = `good until revoked, and then another ${t.tag}`;
    let token = first;
    const asked = [];
    const http = { httpClient: new Asking(), accessTokenFactory: () => asked.push(token) && token };
    const c = await t.connect({ hub: 'guarded', http });
    const { id } = c;
    await c.invoke('Nothing');
    token = 'good again'; // before, because a poll may find out by itself
    await t.ask('revoke', { token: first });
    t.equal(await c.invoke('ConnectionID'), id);
    t.equal(await c.invoke('ConnectionID'), id);
    t.equal(asked.at(-1), 'good again');
  }, notWebSockets('a WebSocket is one request')],

  ['goodbye by DELETE', async (t) => {
    const c = await t.connect();
    const connection = await c.invoke('ConnectionID');
    await c.stop();
    t.equal((await t.requests()).filter((r) => r.method === 'DELETE').length, 1);
    t.equal(await t.ask('ended', { connection }), { error: '' });
  }, longPollingAlone('the connection itself ends')],
];
