import { follow } from './follow.mjs';

/**
 * Follows one order: its state at first, then each of its events.
 *
 * @param {object} options
 * @param {string} options.url  of Herald
 * @param {() => string | Promise<string>} options.token
 * @param {string} options.orderId
 * @param {(order: import('../docs/herald').OrderStatusBroadcast) => void} options.onOrder
 * @param {(signal: AbortSignal) => unknown} [options.refetch]  asks your own service for the order and shows it
 * @param {(problem: unknown) => void} [options.onProblem]
 * @param {number[]} [options.retryDelays]
 */
export function followOrder({ url, orderId, onOrder, refetch, ...others }) {
  return follow({
    url: `${url}/hubs/customer-orders`,
    groups: [{
      resume: (last) => ['ResumeOrder', orderId, last],
      handlers: {
        ReceiveOrderPlaced: onOrder,
        ReceiveOrderPaymentSucceeded: onOrder,
        ReceiveOrderPaymentFailed: onOrder,
        ReceiveOrderStatusChanged: onOrder,
      },
      refetch,
    }],
    ...others,
  });
}
