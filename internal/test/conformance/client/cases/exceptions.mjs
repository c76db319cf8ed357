// Why a case does not apply: see cases.mjs.

export const webSocketsAlone = (why) => ({ ServerSentEvents: why, LongPolling: why });

export const notWebSockets = (why) => ({ WebSockets: why });

export const longPollingAlone = (why) => ({ WebSockets: why, ServerSentEvents: why });

export const notLongPolling = (why) => ({ LongPolling: why });

// automatic is for the cases that are about the choice of a transport.
const chosen = 'the case is about the choice of a transport';
export const automatic = { WebSockets: chosen, ServerSentEvents: chosen, LongPolling: chosen, Automatic: undefined };
