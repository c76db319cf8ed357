// What a reader writes with docs/herald.d.ts and @microsoft/signalr. It is compiled, never run.
import { HubConnectionBuilder } from '@microsoft/signalr';
import type { AdminConnection, CustomerOrdersConnection, OrderStatusBroadcast, ResumeResult, TeamCartConnection } from './herald';

const build = (hub: string) => new HubConnectionBuilder().withUrl(`/hubs/${hub}`).withAutomaticReconnect().build();
const id = 'f47ac10b-58cc-4372-a567-0e02b2c3d479';

const orders = build('customer-orders') as CustomerOrdersConnection;
const shown: OrderStatusBroadcast[] = [];
orders.on('ReceiveOrderPlaced', (order) => shown.push(order));
orders.on('ReceiveOrderStatusChanged', ({ status, estimatedDeliveryTime }) => status.concat(estimatedDeliveryTime ?? 'no time yet'));
orders.onreconnected(async () => {
  const result: ResumeResult = await orders.invoke('ResumeOrder', id, shown.at(-1)?.eventId ?? null);
  if (result.status === 'gap') await orders.invoke('SubscribeToOrder', id);
});

const cart = build('teamcart') as TeamCartConnection;
cart.on('ReceiveCartUpdated', () => {});
cart.on('ReceivePaymentEvent', (userId, status, cursor) => [userId, status, cursor?.eventId]);
void cart.invoke('ResumeCart', id, null, true);

const admin = build('admin') as AdminConnection;
admin.on('AdminNotification', (event) => (event.type === 'role-assignment' ? event.roleName : event.description));
admin.on('SystemAlert', ({ type, severity, data }) => [type === 'error', severity.length, data?.['metric']]);
admin.on('ErrorOccurred', ({ message }) => message.length);
void admin.invoke('GetPlatformStats').then(({ totalUsers }) => totalUsers ?? 0);
void admin.start();

// @ts-expect-error there is no such event
orders.on('ReceiveOrder', () => {});
// @ts-expect-error there is no such method
void orders.invoke('SubscribeToCart', id);
// @ts-expect-error it takes an id
void orders.invoke('SubscribeToOrder');
// @ts-expect-error it may be null
orders.on('ReceiveOrderPlaced', (order) => order.deliveredAt.length);
// @ts-expect-error a payment has a user and a status
cart.on('ReceivePaymentEvent', (userId: number) => userId);
