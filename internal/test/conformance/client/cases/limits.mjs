// Limits, as a client meets them. "/limited" has low ones.

// A user of the case's own: its connections are counted.
const alone = (t) => ({ hub: 'limited', query: { who: t.tag } });

export const aboutLimits = [
  ['of invocations', async (t) => {
    const c = await t.connect({ ...alone(t), reconnect: true });
    for (let i = 0; i < 40; i++) {
      void c.send('Nothing').catch(() => {});
    }
    t.equal(await c.gone(), 'Server returned an error on close: The client sends more than 1 invocations per second.');
    t.equal(c.reconnecting.happened, undefined, 'reconnecting');
  }],

  ['of connections of one user', async (t) => {
    const [one] = await Promise.all([t.connect(alone(t)), t.connect(alone(t))]);
    const third = t.client(alone(t));
    await t.refused(third.connection.start(),
      "Failed to complete negotiation with the server: Error: This user has too many connections: Status code '429'");
    const other = await t.connect({ hub: 'limited', query: { who: `not ${t.tag}` } });
    t.equal(await other.invoke('Echo', 'x'), 'x');
    const connection = await one.invoke('ConnectionID');
    await one.stop();
    await t.ask('ended', { connection });
    while (await third.connection.start().then(() => false, () => true)) {
      await t.pause(50); // the hub knows of the end before the place is free
    }
    t.equal(await third.invoke('Echo', 'x'), 'x');
  }],

  ['of streams', async (t) => {
    const c = await t.connect(alone(t));
    const open = [1, 2, 3].map(() => c.connection.stream('Infinite').subscribe({ next() {}, complete() {}, error() {} }));
    await t.refused(c.collect('Count', 3), "An unexpected error occurred invoking 'Count' on the server. HubException: Too many streams.");
    const cancelled = c.record('StreamCanceled');
    open[0].dispose();
    await cancelled.first(1);
    t.equal(await c.invoke('Echo', 'x'), 'x');
  }],
];
