// Where Herald is and whom the page is for. Yours has a login; this one reads them behind the # of its address, which no server sees.
const given = new URLSearchParams(location.hash.slice(1));

export const page = given.get('page') ?? 'order';
export const orderId = given.get('order') ?? 'f47ac10b-58cc-4372-a567-0e02b2c3d479';
/** The service that keeps the orders: GET {shop}/orders/{id}. */
export const shop = given.get('shop') ?? '';

const token = given.get('token') ?? '';
export const herald = {
  url: given.get('herald') ?? location.origin, // Vite passes /hubs on
  token: () => token,
  retryDelays: given.get('retry')?.split(',').map(Number),
};
