import { useOrder } from './useOrder';

export function OrderPage({ orderId }: { orderId: string }) {
  const { order, events, problem } = useOrder(orderId);
  return (
    <main>
      <h1>{order?.orderNumber ?? orderId}</h1>
      <p id="status">{order?.status ?? 'unknown'}</p>
      <ol id="events">
        {events.map((event) => <li key={event.eventId}>{event.sequence} {event.status}</li>)}
      </ol>
      {problem && <p role="alert">{problem}</p>}
    </main>
  );
}
