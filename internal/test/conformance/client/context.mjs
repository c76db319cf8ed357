// What a case is given: connections of its combination, the control endpoint of the test, and assertions.
import assert from 'node:assert/strict';
import * as signalR from '@microsoft/signalr';
import { MessagePackHubProtocol } from '@microsoft/signalr-protocol-msgpack';

// Short, because a case waits for it; a page would take the published defaults.
const retryDelay = 50;
const longestLog = 40;

// What stop says to a call that is in flight, whatever the transport.
export const cancelled = 'Invocation canceled due to the underlying connection being closed.';

export class Context {
  constructor(name, { transport, protocol }, url) {
    this.transport = transport;
    this.protocol = protocol;
    this.json = protocol === 'json';
    this.server = url;
    // Of this run of the case alone: it goes into the URL of its requests and into keys.
    this.tag = `${transport}/${protocol}/${name}`;
    this.clients = [];
    this.log = [];
    this.waiting = 'nothing';
  }

  // client makes a connection and does not start it. Options: hub (a path), at (a server's URL), query, http (options of withUrl),
  // reconnect (true: soon and for ever; an array or a policy as withAutomaticReconnect takes it), stateful (true, or options),
  // configure (of the builder).
  client({ hub = 'default', at = this.server, query = {}, http = {}, reconnect, stateful, configure } = {}) {
    const search = new URLSearchParams({ case: this.tag, ...query });
    const options = { ...http };
    if (this.transport !== 'Automatic' && options.transport === undefined) {
      options.transport = signalR.HttpTransportType[this.transport];
    }
    const builder = new signalR.HubConnectionBuilder()
      .withUrl(`${at}/${hub}?${search}`, options)
      .withHubProtocol(this.json ? new signalR.JsonHubProtocol() : new MessagePackHubProtocol())
      .configureLogging({ log: (level, text) => this.note(level, text) });
    if (reconnect) {
      builder.withAutomaticReconnect(reconnect === true ? { nextRetryDelayInMilliseconds: () => retryDelay } : reconnect);
    }
    if (stateful) {
      builder.withStatefulReconnect(stateful === true ? undefined : stateful);
    }
    configure?.(builder);
    const connection = builder.build();
    const client = new Client(this, connection);
    this.clients.push(client);
    return client;
  }

  // connect makes a connection and starts it.
  async connect(options) {
    const client = this.client(options);
    await this.until(client.connection.start(), 'start');
    return client;
  }

  note(level, text) {
    if (level >= signalR.LogLevel.Information) {
      this.log.push(`${signalR.LogLevel[level]}: ${text.slice(0, 500)}`);
      this.log.splice(0, this.log.length - longestLog);
    }
  }

  // until awaits a promise and says what for, should it never be settled.
  async until(promise, what) {
    this.waiting = what;
    return await promise;
  }

  // ask has the test do something: see control_test.go.
  async ask(op, argument = {}) {
    this.waiting = `control ${op}`;
    const response = await fetch(`${this.server}/control/${op}`, { method: 'POST', body: JSON.stringify(argument) });
    const text = await response.text();
    assert.equal(response.status, 200, `control ${op}: ${text}`);
    return JSON.parse(text);
  }

  // requests are those that the case has made, oldest first.
  requests(matching = {}) {
    return this.ask('requests', { case: this.tag })
      .then((all) => all.filter((r) => Object.entries(matching).every(([key, value]) => r[key] === value)));
  }

  async proxy() {
    const { url, proxy } = await this.ask('proxy');
    return {
      url,
      cut: (how = 'reset') => this.ask('cut', { proxy, how }),
      // When so many more bytes have passed in a direction: { up: 17 }, { down: 17 }, or whichever comes first.
      cutAfter: (after, how = 'reset') => this.ask('cut', { proxy, how, after }),
      stall: () => this.ask('stall', { proxy }),
      resume: () => this.ask('resume', { proxy }),
      shut: () => this.ask('shut', { proxy }),
    };
  }

  // members names the members of a Go struct as the case's protocol has them: over MessagePack they begin with a capital, as a .NET hub's do.
  // The keys of the members that are dictionaries stay.
  members(value, dictionaries = []) {
    if (this.json || value === null || typeof value !== 'object') {
      return value;
    }
    if (Array.isArray(value)) {
      return value.map((element) => this.members(element, dictionaries));
    }
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [
      name[0].toUpperCase() + name.slice(1), dictionaries.includes(name) ? member : this.members(member, dictionaries),
    ]));
  }

  equal(actual, expected, what) {
    assert.deepEqual(actual, expected, what && `${what}: ${explain(actual, expected)}`);
  }

  match(actual, pattern) {
    assert.match(actual, pattern);
  }

  ok(value, what) {
    assert.ok(value, what);
  }

  // refused awaits a promise that must be rejected with exactly this text (or one that matches).
  async refused(promise, text) {
    this.waiting = `refusal: ${text}`;
    const outcome = await promise.then(
      (value) => ({ value }),
      (error) => ({ error: error?.message ?? error }),
    );
    assert.ok('error' in outcome, `expected to be refused with ${text}, but came to ${JSON.stringify(outcome.value)}`);
    if (text instanceof RegExp) {
      assert.match(outcome.error, text);
    } else {
      assert.equal(outcome.error, text);
    }
  }

  pause(ms) {
    this.waiting = `${ms} ms`;
    return new Promise((done) => setTimeout(done, ms));
  }

  // leave stops what the case has left connected: that must succeed, and without an error.
  async leave() {
    for (const client of this.clients) {
      if (client.connection.state === signalR.HubConnectionState.Disconnected) {
        continue;
      }
      await this.until(client.connection.stop(), 'stop');
      assert.equal(client.connection.state, signalR.HubConnectionState.Disconnected);
      assert.equal(client.closed.settled?.message, undefined, 'the connection was closed with an error when the case stopped it');
    }
  }

  // abandon stops what a failed case has left behind.
  abandon() {
    for (const { connection } of this.clients) {
      void connection.stop().catch(() => {});
    }
  }
}

const explain = (actual, expected) => `expected ${JSON.stringify(expected)}, but came ${JSON.stringify(actual)}`;

// Event is a promise that is settled by whatever happens first; what it came to can be asked.
class Event {
  constructor() {
    this.promise = new Promise((resolve) => {
      this.happen = (value) => {
        this.happened = true;
        this.settled = value;
        resolve(value);
      };
    });
  }
}

// Client is one connection and what became of it.
class Client {
  constructor(context, connection) {
    this.context = context;
    this.connection = connection;
    this.closes = 0;
    this.reconnects = 0;
    this.closed = new Event();
    this.reconnecting = new Event();
    this.reconnected = new Event();
    connection.onclose((error) => {
      this.closes++;
      this.closed.happen(error);
    });
    connection.onreconnecting((error) => this.reconnecting.happen(error));
    connection.onreconnected((id) => {
      this.reconnects++;
      this.reconnected.happen(id);
    });
  }

  get id() {
    return this.connection.connectionId;
  }

  invoke(method, ...args) {
    this.context.waiting = `completion of ${method}`;
    return this.connection.invoke(method, ...args);
  }

  send(method, ...args) {
    return this.connection.send(method, ...args);
  }

  on(method, handler) {
    this.connection.on(method, handler);
  }

  // record returns what the server calls a method with, in order, and a promise for the first n.
  record(method) {
    const calls = [];
    let wanted = Infinity;
    let done;
    this.connection.on(method, (...args) => {
      calls.push(args);
      if (calls.length >= wanted) {
        done(calls);
      }
    });
    return {
      calls,
      first: (n) => {
        this.context.waiting = `${n} calls of ${method}`;
        return calls.length >= n ? Promise.resolve(calls) : new Promise((resolve) => {
          wanted = n;
          done = resolve;
        });
      },
    };
  }

  // collect reads a stream to its end.
  collect(method, ...args) {
    this.context.waiting = `end of stream ${method}`;
    return new Promise((resolve, reject) => {
      const items = [];
      this.connection.stream(method, ...args).subscribe({ next: (item) => items.push(item), complete: () => resolve(items), error: reject });
    });
  }

  // gone resolves with the text that the connection was closed with, undefined for none.
  async gone() {
    const error = await this.context.until(this.closed.promise, 'close');
    return error?.message;
  }

  stop() {
    return this.context.until(this.connection.stop(), 'stop');
  }
}
