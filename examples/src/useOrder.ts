import { useEffect, useState } from 'react';
import type { OrderStatusBroadcast } from '../../docs/herald';
import { followOrder } from '../orders.mjs';
import { herald, shop } from './settings';

/** Your own service knows the order; Herald tells what happens to it. */
async function fetchOrder(orderId: string, signal: AbortSignal): Promise<Partial<OrderStatusBroadcast>> {
  const answer = await fetch(`${shop}/orders/${orderId}`, { signal });
  if (!answer.ok) throw new Error(`the shop answers ${answer.status}`);
  return answer.json();
}

/** The order as it is now, and all events that came while the component was shown, the oldest first. */
export function useOrder(orderId: string) {
  const [order, setOrder] = useState<Partial<OrderStatusBroadcast>>();
  const [events, setEvents] = useState<OrderStatusBroadcast[]>([]);
  const [problem, setProblem] = useState<string>();

  // What follow returns ends it, which is what React wants of an effect: StrictMode begins, ends and begins it anew.
  useEffect(() => {
    setOrder(undefined);
    setEvents([]);
    return followOrder({
      ...herald,
      orderId,
      onOrder: (event) => {
        setOrder(event);
        setEvents((before) => [...before, event]);
        setProblem(undefined);
      },
      refetch: shop ? async (signal) => setOrder(await fetchOrder(orderId, signal)) : undefined, // ends with the effect
      onProblem: (error) => setProblem(String(error)),
    });
  }, [orderId]);
  return { order, events, problem };
}
