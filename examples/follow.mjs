import { HubConnectionBuilder, HubConnectionState, LogLevel } from '@microsoft/signalr';

/**
 * Follows groups of a hub until the returned function is called: through a first start that fails, restarts of the server, and outages
 * that outlast SignalR's own retries. Each event is handled once and in order, or refetch is called.
 *
 * @typedef {object} Group
 * @property {(last: string | null) => [method: string, ...args: unknown[]]} resume  the call that joins the group behind its event `last`
 * @property {Record<string, (...args: any[]) => void>} handlers  one for every event of the group: a missing one looks like a hole
 * @property {(signal: AbortSignal) => unknown} [refetch]  reads the state from where it is kept: at first, and where too much was missed
 *
 * @param {object} options
 * @param {string} options.url  of the hub
 * @param {() => string | Promise<string>} options.token  is asked before each connection, so it may return a new one
 * @param {Group[]} options.groups
 * @param {(problem: unknown) => void} [options.onProblem]
 * @param {number[]} [options.retryDelays]  of SignalR's client; the last one is also the longest pause of this function
 */
export function follow({ url, token, groups, onProblem = console.warn, retryDelays = [0, 2000, 10000, 30000] }) {
  const stopped = new AbortController();
  const connection = new HubConnectionBuilder()
    .withUrl(url, { accessTokenFactory: token })
    .withAutomaticReconnect(retryDelays)
    .configureLogging(LogLevel.Warning)
    .build();

  /** @type {(ms: number) => Promise<unknown>} */
  const pause = (ms) => new Promise((done) => {
    const timer = setTimeout(done, ms);
    stopped.signal.addEventListener('abort', () => done(clearTimeout(timer)), { once: true });
  });

  /** @type {(step: () => unknown, wanted?: () => boolean) => Promise<void>} */
  const untilDone = async (step, wanted = () => true) => {
    for (let attempt = 1; !stopped.signal.aborted && wanted(); attempt++) {
      try {
        await step();
        return;
      } catch (problem) {
        if (!stopped.signal.aborted) onProblem(problem);
        await pause(retryDelays[attempt] ?? retryDelays.at(-1) ?? 30000);
      }
    }
  };

  const joins = groups.map(({ resume, handlers, refetch }) => {
    /** @type {string | null} */
    let last = null; // the last event that has come; null joins from now on
    let work = Promise.resolve(); // what comes while the state is fetched waits behind it
    for (const [event, handle] of Object.entries(handlers)) {
      connection.on(event, (...args) => {
        last = args.at(-1).eventId;
        work = work.then(() => { if (!stopped.signal.aborted) handle(...args); }).catch(onProblem);
      });
    }
    return async () => {
      const before = last;
      const [method, ...args] = resume(before);
      const { status, lastEventId } = await connection.invoke(method, ...args);
      if (last === before) last = lastEventId; // else an event behind the answer is here already
      if (refetch && (before === null || status === 'gap')) work = work.then(() => untilDone(() => refetch(stopped.signal)));
    };
  });

  const resume = async () => { // a call that fails is tried again for as long as its connection lives
    const { connectionId } = connection;
    const lives = () => connection.state === HubConnectionState.Connected && connection.connectionId === connectionId;
    await Promise.all(joins.map((join) => untilDone(join, lives)));
  };
  const run = async () => {
    await untilDone(() => connection.start());
    await resume();
  };
  connection.onreconnected(resume);
  connection.onclose(() => { if (!stopped.signal.aborted) void run(); }); // SignalR's client has given up, or was told to
  void run();
  return () => {
    stopped.abort();
    void connection.stop();
  };
}
