// What goes wrong in a call, with the texts of ASP.NET Core (DefaultHubDispatcher.cs, detailed errors off), and goes on afterwards.

const goesOn = async (t, c) => t.equal(await c.invoke('Echo', 'still here'), 'still here');

export const aboutErrors = [
  ['exception', async (t) => {
    const c = await t.connect();
    await t.refused(c.invoke('Fail', 'a secret'), "An unexpected error occurred invoking 'Fail' on the server.");
    await goesOn(t, c);
  }],

  ['HubException', async (t) => {
    const c = await t.connect();
    await t.refused(c.invoke('Refuse', 'Not you. "ÿ"\n👋'),
      'An unexpected error occurred invoking \'Refuse\' on the server. HubException: Not you. "ÿ"\n👋');
    await goesOn(t, c);
  }],

  ['HubException with an empty text', async (t) => {
    const c = await t.connect();
    await t.refused(c.invoke('Refuse', ''), "An unexpected error occurred invoking 'Refuse' on the server. HubException: ");
  }],

  ['HubException that is wrapped', async (t) => {
    const c = await t.connect();
    await t.refused(c.invoke('RefuseWrapped', 'Not you.'),
      "An unexpected error occurred invoking 'RefuseWrapped' on the server. HubException: Not you.");
  }],

  ['panic', async (t) => {
    const c = await t.connect();
    await t.refused(c.invoke('Panic', 'a secret'), "An unexpected error occurred invoking 'Panic' on the server.");
    await goesOn(t, c);
  }],

  ['result that cannot be encoded', async (t) => {
    const c = await t.connect();
    await t.refused(c.invoke('Unencodable'), "An unexpected error occurred invoking 'Unencodable' on the server.");
    await goesOn(t, c);
  }],

  // Acceptance: A-213.
  ['method name in the casing of the caller', async (t) => {
    const c = await t.connect();
    await t.refused(c.invoke('fAIL', 'x'), "An unexpected error occurred invoking 'fAIL' on the server.");
  }],

  // Acceptance: A-207.
  ['unknown method', async (t) => {
    const c = await t.connect();
    for (const name of ['NoSuchMethod', 'OnConnectedAsync']) {
      await t.refused(c.invoke(name, 1), `Failed to invoke '${name}' due to an error on the server. HubException: Method does not exist.`);
    }
    await goesOn(t, c);
  }],

  ['each of many at once completes for itself', async (t) => {
    const c = await t.connect();
    const outcomes = await Promise.allSettled(Array.from({ length: 100 }, (_, i) => (i % 2 ? c.invoke('Refuse', String(i)) : c.invoke('Echo', String(i)))));
    t.equal(outcomes.map((o) => o.value ?? o.reason.message), Array.from({ length: 100 }, (_, i) => (
      i % 2 ? `An unexpected error occurred invoking 'Refuse' on the server. HubException: ${i}` : String(i))));
  }],
];
