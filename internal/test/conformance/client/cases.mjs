// The table of all cases, and in which combinations of transport and protocol they run. A case is
//
//   name     group/what it shows
//   except   where it does not apply: the name of a transport or a protocol, or both as 'transport/protocol', and why
//   run      async (t) => …, with a Context
import { aboutArguments } from './cases/arguments.mjs';
import { aboutCallbacks } from './cases/callbacks.mjs';
import { aboutChoosing } from './cases/choosing.mjs';
import { aboutClosing } from './cases/closing.mjs';
import { aboutConnecting } from './cases/connecting.mjs';
import { aboutEchoes } from './cases/echoes.mjs';
import { aboutErrors } from './cases/errors.mjs';
import { aboutInvocations } from './cases/invocations.mjs';
import { aboutLimits } from './cases/limits.mjs';
import { aboutReconnecting } from './cases/reconnecting.mjs';
import { aboutResults } from './cases/results.mjs';
import { aboutStatefulReconnect } from './cases/stateful.mjs';
import { aboutStreams } from './cases/streams.mjs';
import { aboutTimeouts } from './cases/timeouts.mjs';
import { aboutUploads } from './cases/uploads.mjs';

export const transports = ['WebSockets', 'ServerSentEvents', 'LongPolling', 'Automatic'];
export const protocols = ['json', 'messagepack'];

// Where no case applies.
const impossible = { 'ServerSentEvents/messagepack': 'server-sent events carry text alone' };

// Automatic leaves the choice of a transport to the client: only the cases about that choice run there.
export const combinations = transports.flatMap((transport) => protocols.map((protocol) => ({ transport, protocol })))
  .filter(({ transport, protocol }) => !impossible[`${transport}/${protocol}`]);

const choice = 'the case is not about the choice of a transport';

// Those that take long come first, so that the others run beside them.
const groups = {
  timeout: aboutTimeouts,
  'stateful reconnect': aboutStatefulReconnect,
  echo: aboutEchoes,
  invocation: aboutInvocations,
  error: aboutErrors,
  argument: aboutArguments,
  callback: aboutCallbacks,
  'client result': aboutResults,
  stream: aboutStreams,
  upload: aboutUploads,
  choosing: aboutChoosing,
  connecting: aboutConnecting,
  closing: aboutClosing,
  reconnecting: aboutReconnecting,
  limit: aboutLimits,
};

export const cases = Object.entries(groups).flatMap(([group, all]) => all.map(([name, run, except = {}]) => ({
  name: `${group}/${name}`,
  run,
  except: { Automatic: choice, ...except },
})));

// exemption says why a case does not apply in a combination, undefined where it does.
export function exemption({ except }, { transport, protocol }) {
  return except[`${transport}/${protocol}`] ?? except[transport] ?? except[protocol];
}
