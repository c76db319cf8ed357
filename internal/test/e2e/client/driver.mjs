// Drives any number of the published client's connections for the Go tests. One JSON object a line: commands on standard input,
// answers and everything that the connections are sent on standard output, in the order in which it arrived. It ends with its input.
import { createInterface } from 'node:readline';
import * as signalR from '@microsoft/signalr';

// The outbox's events are the arguments; the others are the admin hub's own.
const serverEvents = [...process.argv.slice(2), 'ConnectionEstablished', 'ErrorOccurred', 'ReceiveMessage'];

// The handlers' parameters as the published document has them. Microsoft's clients for .NET and Java call a handler only where the number
// of its parameters is that of the arguments, and drop the event without a word where it is not; this client calls it anyway.
const documented = {
  ReceiveCartUpdated: () => {},
  ReceiveLocked: () => {},
  ReceivePaymentEvent: (userId, status) => {},
  ReceiveReadyToConfirm: () => {},
  ReceiveConverted: (orderId) => {},
  ReceiveExpired: () => {},
};

// Short, because a test waits for it; a page would take the published defaults.
const retryDelay = 50;

const clients = new Map();

const say = (line) => process.stdout.write(JSON.stringify(line) + '\n');
const pause = () => new Promise((done) => setTimeout(done, retryDelay));

class Client {
  constructor({ client, url, tokens, reconnect, follow, strict, transport, stateful }) {
    this.name = client;
    this.follow = follow;
    this.last = follow?.from ?? null;
    let starts = 0;
    const builder = new signalR.HubConnectionBuilder()
      .withUrl(url, {
        transport: signalR.HttpTransportType[transport || 'WebSockets'],
        // A token for each start, then the last for ever.
        accessTokenFactory: () => tokens[Math.min(starts, tokens.length - 1)],
      })
      .configureLogging({
        log: (level, message) => level >= signalR.LogLevel.Warning && this.tell('log', message),
      });
    if (reconnect) {
      builder.withAutomaticReconnect({ nextRetryDelayInMilliseconds: () => retryDelay });
    }
    if (stateful) {
      builder.withStatefulReconnect();
    }
    this.connection = builder.build();
    for (const event of serverEvents) {
      this.connection.on(event, (...args) => {
        if (!strict || args.length === documented[event]?.length) {
          this.receive(event, args);
        }
      });
    }
    this.connection.onreconnecting((error) => {
      starts++;
      this.tell('reconnecting', error?.message);
    });
    this.connection.onreconnected(() => {
      this.tell('reconnected');
      void this.catchUp();
    });
    this.connection.onclose((error) => this.tell('closed', error?.message));
  }

  tell(state, text = '') {
    say({ client: this.name, state, text });
  }

  receive(event, args) {
    // Order and admin events carry their id in the object, team cart events in the trailing argument that ResumeCart adds where it is asked for.
    // Every connection to the admin hub is sent the events of the admins group too; they are no cursor of another group.
    if (event !== 'AdminNotification' || this.follow?.method === 'ResumeAdmins') {
      this.last = args.at(-1)?.eventId ?? this.last;
    }
    say({ client: this.name, event, args });
  }

  async start() {
    await this.connection.start();
    await this.catchUp();
  }

  // What a page that must not miss anything does after every start: resume from the last event that it has processed. A call that
  // fails while the connection lives is tried again; where the connection is gone, the next onreconnected takes over.
  async catchUp() {
    const { connectionId } = this.connection;
    while (this.follow && connectionId && this.connection.connectionId === connectionId) {
      try {
        const before = this.last;
        const result = await this.connection.invoke(this.follow.method, ...this.follow.args, before, ...cursorAsked(this.follow.method));
        // What arrived in one message with the result has been received by now, and is newer.
        if (this.last === before) {
          this.last = result.lastEventId;
        }
        say({ client: this.name, state: 'resumed', result });
        return;
      } catch (error) {
        this.tell('resume failed', error.message);
        await pause();
      }
    }
  }
}

// What a page that resumes a team cart asks for: without it a cart's events do not say which they are.
const cursorAsked = (method) => (method === 'ResumeCart' ? [true] : []);

const commands = {
  async connect(command) {
    const client = new Client(command);
    clients.set(command.client, client);
    await client.start();
    return client.connection.connectionId;
  },
  invoke: ({ client, method, args }) => clients.get(client).connection.invoke(method, ...args),
  send: ({ client, method, args }) => clients.get(client).connection.send(method, ...args),
  stop: ({ client }) => clients.get(client).connection.stop(),
};

// A completion without a result is undefined here, as in a page; the tests tell it from null.
const answer = (id, result) => say(result === undefined ? { id, void: true } : { id, result });

for await (const line of createInterface({ input: process.stdin })) {
  const { id, op, ...command } = JSON.parse(line);
  commands[op](command).then(
    (result) => answer(id, result),
    (error) => say({ id, error: error.message }),
  );
}
process.exit(0);
