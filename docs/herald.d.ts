// Made from Herald's code by `make docs`: copy this file, and do not change it. docs/events.md explains it.
import type { HubConnection } from '@microsoft/signalr';

/** In canonical lower case. */
export type UUID = string;

/** RFC 3339 in UTC: 2025-01-20T10:05:00Z. */
export type Timestamp = string;

/** What every Resume method returns. */
export interface ResumeResult {
  /** 'gap': nothing was replayed, because what lies between cannot be. Events come from now on; fetch the state anew. */
  status: 'resumed' | 'gap';
  /** How many events this call has sent. */
  replayed: number;
  /** The group's newest event at the moment of joining: the cursor to go on from. The all-zero UUID where the group has none. */
  lastEventId: UUID;
  /** That event's number within the group. */
  sequence: number;
}

/** Behind a team cart event's arguments, after ResumeCart(teamCartId, lastEventId, true). */
export interface CartCursor {
  eventId: UUID;
  sequence: number;
  occurredOnUtc: Timestamp;
}

export interface TokenRefreshed {
  expiresAt: Timestamp;
}

export interface ConnectionCount {
  connectionId: string;
  timestamp: Timestamp;
  connectionCount: number;
  /** By the hub's path. */
  hubs: Record<string, number>;
}

export interface TestReceived {
  timestamp: Timestamp;
  message: 'Test received';
  echo: string;
}

export interface ConnectionEstablished {
  connectionId: string;
  timestamp: Timestamp;
  message: string;
}

export interface HubErrorOccurred {
  type: 'error';
  message: string;
  timestamp: Timestamp;
}

export interface OrderStatusBroadcast {
  /** The order. */
  orderId: UUID;
  /** What people call the order. */
  orderNumber: string;
  /** What has become of the order. */
  status: string;
  /** The order's restaurant. */
  restaurantId: UUID;
  /** When the order changed last. Left out: when the event occurred. */
  lastUpdateTimestamp: Timestamp;
  /** When it is expected to be delivered. */
  estimatedDeliveryTime: Timestamp | null;
  /** When it arrived. */
  actualDeliveryTime: Timestamp | null;
  /** When it was handed over. */
  deliveredAt: Timestamp | null;
  /** When it happened. */
  occurredOnUtc: Timestamp;
  /** Which event this is: what a resume takes. */
  eventId: UUID;
  /** Its number within the group: 1, 2, 3, without a hole. */
  sequence: number;
}

export interface UserActivityUpdate {
  /** When it happened. */
  timestamp: Timestamp;
  /** Who did it. */
  userId: string;
  /** What they did. */
  action: string;
  /** Whatever belongs to it. */
  details: Record<string, unknown> | null;
  /** Which event this is: what a resume takes. */
  eventId: UUID;
  /** Its number within the group: 1, 2, 3, without a hole. */
  sequence: number;
}

export interface AnalyticsUpdate {
  /** When it happened. */
  timestamp: Timestamp;
  /** Users in all. */
  totalUsers: number;
  /** Users who are active. */
  activeUsers: number;
  /** Websites that were generated. */
  websitesGenerated: number;
  /** Images that were generated. */
  imagesGenerated: number;
  /** Revenue; negative where refunds prevail. */
  revenue: number;
  /** Which event this is: what a resume takes. */
  eventId: UUID;
  /** Its number within the group: 1, 2, 3, without a hole. */
  sequence: number;
}

export interface UserCountUpdate {
  /** When it happened. */
  timestamp: Timestamp;
  /** Users in all. */
  totalUsers: number;
  /** Users who are active. */
  activeUsers: number;
  /** Users who came today. */
  newUsersToday: number;
  /** Which event this is: what a resume takes. */
  eventId: UUID;
  /** Its number within the group: 1, 2, 3, without a hole. */
  sequence: number;
}

export interface GenerationMetricsUpdate {
  /** When it happened. */
  timestamp: Timestamp;
  /** Websites that were generated. */
  websitesGenerated: number;
  /** Images that were generated. */
  imagesGenerated: number;
  /** Generations that failed. */
  failedGenerations: number;
  /** How long one takes on average, in seconds. */
  averageGenerationTime: number;
  /** Which event this is: what a resume takes. */
  eventId: UUID;
  /** Its number within the group: 1, 2, 3, without a hole. */
  sequence: number;
}

export interface RevenueUpdate {
  /** When it happened. */
  timestamp: Timestamp;
  /** Today's revenue; negative where refunds prevail. */
  dailyRevenue: number;
  /** That of the last 30 days. */
  totalRevenue30d: number;
  /** Which event this is: what a resume takes. */
  eventId: UUID;
  /** Its number within the group: 1, 2, 3, without a hole. */
  sequence: number;
}

export interface SystemAlert {
  /** When it happened. */
  timestamp: Timestamp;
  /** What kind of alert it is. */
  type: 'info' | 'warning' | 'error' | 'success';
  /** What administrators read. */
  message: string;
  /** How severe it is. Left out: `severity` in `data`; otherwise it follows from the type. */
  severity: string;
  /** Whatever belongs to it. */
  data: Record<string, unknown> | null;
  /** Which event this is: what a resume takes. */
  eventId: UUID;
  /** Its number within the group: 1, 2, 3, without a hole. */
  sequence: number;
}

export interface RoleAssignmentNotification {
  /** When it happened. */
  timestamp: Timestamp;
  /** Which form the notification has. */
  type: 'role-assignment';
  /** Whose role it is. */
  userId: string;
  /** The role. */
  roleName: string;
  /** What has become of it. */
  action: 'assigned' | 'revoked';
  /** Which event this is: what a resume takes. */
  eventId: UUID;
  /** Its number within the group: 1, 2, 3, without a hole. */
  sequence: number;
}

export interface SystemEventNotification {
  /** When it happened. */
  timestamp: Timestamp;
  /** Which form the notification has. */
  type: 'system-event';
  /** What kind of event it is. */
  eventType: string;
  /** What administrators read. */
  description: string;
  /** Whatever belongs to it. */
  data: Record<string, unknown> | null;
  /** Which event this is: what a resume takes. */
  eventId: UUID;
  /** Its number within the group: 1, 2, 3, without a hole. */
  sequence: number;
}

export type AdminNotification = RoleAssignmentNotification | SystemEventNotification;

/** What /hubs/customer-orders sends. */
export interface CustomerOrdersEvents {
  ReceiveOrderPlaced(order: OrderStatusBroadcast): void;
  ReceiveOrderPaymentSucceeded(order: OrderStatusBroadcast): void;
  ReceiveOrderPaymentFailed(order: OrderStatusBroadcast): void;
  ReceiveOrderStatusChanged(order: OrderStatusBroadcast): void;
}

/** What can be invoked on /hubs/customer-orders. */
export interface CustomerOrdersMethods {
  /** Joins the order's group; events from now on. */
  SubscribeToOrder(orderId: UUID): void;
  /** Leaves it. Needs no permission, and may be repeated. */
  UnsubscribeFromOrder(orderId: UUID): void;
  /** Joins, and replays what came behind that event. */
  ResumeOrder(orderId: UUID, lastEventId: UUID | null): ResumeResult;
  /** A new token of the same user: extends the connection and replaces its claims. */
  RefreshToken(token: string): TokenRefreshed;
}

export type CustomerOrdersConnection = TypedConnection<CustomerOrdersEvents, CustomerOrdersMethods>;

/** What /hubs/restaurant-orders sends. */
export interface RestaurantOrdersEvents {
  ReceiveOrderPlaced(order: OrderStatusBroadcast): void;
  ReceiveOrderPaymentSucceeded(order: OrderStatusBroadcast): void;
  ReceiveOrderPaymentFailed(order: OrderStatusBroadcast): void;
  ReceiveOrderStatusChanged(order: OrderStatusBroadcast): void;
}

/** What can be invoked on /hubs/restaurant-orders. */
export interface RestaurantOrdersMethods {
  /** Joins the restaurant's group, all orders of it; events from now on. */
  SubscribeToRestaurant(restaurantId: UUID): void;
  /** Leaves it. Needs no permission, and may be repeated. */
  UnsubscribeFromRestaurant(restaurantId: UUID): void;
  /** Joins, and replays what came behind that event. */
  ResumeRestaurant(restaurantId: UUID, lastEventId: UUID | null): ResumeResult;
  /** A new token of the same user: extends the connection and replaces its claims. */
  RefreshToken(token: string): TokenRefreshed;
}

export type RestaurantOrdersConnection = TypedConnection<RestaurantOrdersEvents, RestaurantOrdersMethods>;

/** What /hubs/teamcart sends. */
export interface TeamCartEvents {
  ReceiveCartUpdated(cursor?: CartCursor): void;
  ReceiveLocked(cursor?: CartCursor): void;
  ReceivePaymentEvent(userId: string, status: string, cursor?: CartCursor): void;
  ReceiveReadyToConfirm(cursor?: CartCursor): void;
  ReceiveConverted(orderId: UUID, cursor?: CartCursor): void;
  ReceiveExpired(cursor?: CartCursor): void;
}

/** What can be invoked on /hubs/teamcart. */
export interface TeamCartMethods {
  /** Joins the cart's group; events from now on. */
  SubscribeToCart(teamCartId: UUID): void;
  /** Leaves it. Needs no permission, and may be repeated. */
  UnsubscribeFromCart(teamCartId: UUID): void;
  /** Joins, and replays what came behind that event. `true` has each event carry a `CartCursor` behind its arguments. */
  ResumeCart(teamCartId: UUID, lastEventId: UUID | null, withCursor?: boolean): ResumeResult;
  /** A new token of the same user: extends the connection and replaces its claims. */
  RefreshToken(token: string): TokenRefreshed;
}

export type TeamCartConnection = TypedConnection<TeamCartEvents, TeamCartMethods>;

/** What /hubs/admin sends. */
export interface AdminEvents {
  UserActivityUpdate(event: UserActivityUpdate): void;
  AnalyticsUpdate(event: AnalyticsUpdate): void;
  UserCountUpdate(event: UserCountUpdate): void;
  GenerationMetricsUpdate(event: GenerationMetricsUpdate): void;
  RevenueUpdate(event: RevenueUpdate): void;
  SystemAlert(event: SystemAlert): void;
  AdminNotification(event: AdminNotification): void;
  ConnectionEstablished(greeting: ConnectionEstablished): void;
  ErrorOccurred(error: HubErrorOccurred): void;
  ReceiveMessage(text: string): void;
}

/** What can be invoked on /hubs/admin. */
export interface AdminMethods {
  /** Joins `user-activity`. */
  SubscribeToUserActivity(): void;
  /** Leaves it. */
  UnsubscribeFromUserActivity(): void;
  /** Joins it, and replays what came behind that event. */
  ResumeUserActivity(lastEventId: UUID | null): ResumeResult;
  /** Joins `analytics`. */
  SubscribeToAnalytics(): void;
  /** Leaves it. */
  UnsubscribeFromAnalytics(): void;
  /** Joins it, and replays what came behind that event. */
  ResumeAnalytics(lastEventId: UUID | null): ResumeResult;
  /** Joins `alerts`. */
  SubscribeToAlerts(): void;
  /** Leaves it. */
  UnsubscribeFromAlerts(): void;
  /** Joins it, and replays what came behind that event. */
  ResumeAlerts(lastEventId: UUID | null): ResumeResult;
  /** Replays what came behind that event in `admins`, which the connection is in already. */
  ResumeAdmins(lastEventId: UUID | null): ResumeResult;
  /** The platform's statistics as they are now. Fails where they were never set. */
  GetPlatformStats(): Rest.PlatformStats;
  /** The open connections of all nodes. */
  GetConnectionCount(): ConnectionCount;
  /** Answers, after `ReceiveMessage` with the same text. */
  SendTestMessage(text: string): TestReceived;
  /** A new token of the same user: extends the connection and replaces its claims. */
  RefreshToken(token: string): TokenRefreshed;
}

export type AdminConnection = TypedConnection<AdminEvents, AdminMethods>;

/**
 * SignalR's connection to a hub whose events and methods are known:
 *
 *   const connection = new HubConnectionBuilder().withUrl('/hubs/customer-orders').build() as CustomerOrdersConnection;
 *   connection.on('ReceiveOrderPlaced', (order) => console.log(order.status));
 */
export interface TypedConnection<Events, Methods> extends Omit<HubConnection, 'on' | 'off' | 'invoke' | 'send'> {
  on<E extends keyof Events & string>(event: E, handler: Handler<Events[E]>): void;
  off<E extends keyof Events & string>(event: E, handler?: Handler<Events[E]>): void;
  invoke<M extends keyof Methods & string>(method: M, ...args: Arguments<Methods[M]>): Promise<Result<Methods[M]>>;
  send<M extends keyof Methods & string>(method: M, ...args: Arguments<Methods[M]>): Promise<void>;
}
type Handler<F> = F extends (...args: infer A) => void ? (...args: A) => void : never;
type Arguments<F> = F extends (...args: infer A) => unknown ? A : never;
type Result<F> = F extends (...args: never[]) => infer R ? R : never;

/** What the REST API takes and answers: GET /openapi.json describes it. */
export namespace Rest {
  type EventId = string;

  /** RFC 9457. */
  interface Problem {
    type: string;
    title: string;
    status: number;
    detail?: string;
    /** What is wrong with each field. */
    errors?: Record<string, unknown>;
  }

  /** What was never set is null. */
  interface PlatformStats {
    totalUsers: number | null;
    activeUsers: number | null;
    newUsersToday: number | null;
    websitesGenerated: number | null;
    imagesGenerated: number | null;
    failedGenerations: number | null;
    totalRevenue: number | null;
    revenueToday: number | null;
    /** When the newest of them was set. */
    setAt: string;
  }

  interface GenerationMetrics {
    /** Websites that were generated. */
    websitesGenerated: number;
    /** Images that were generated. */
    imagesGenerated: number;
    /** Generations that failed. */
    failedGenerations: number;
    /** How long one takes on average, in seconds. */
    averageGenerationTime: number;
  }

  interface Revenue {
    /** Today's revenue; negative where refunds prevail. */
    dailyRevenue: number;
    /** That of the last 30 days. */
    totalRevenue30d: number;
  }

  interface Alert {
    /** What kind of alert it is. */
    type: 'info' | 'warning' | 'error' | 'success';
    /** What administrators read. */
    message: string;
    /** How severe it is. Left out: `severity` in `data`; otherwise it follows from the type. */
    severity?: string | null;
    /** Whatever belongs to it. Its `severity`, `metric` and `threshold` have at most 256 characters where they are strings. */
    data?: Record<string, unknown> | null;
  }

  interface AlertMessage {
    /** What administrators read. */
    message: string;
    /** How severe it is. Left out: `severity` in `data`; otherwise it follows from the type. */
    severity?: string | null;
    /** Whatever belongs to it. Its `severity`, `metric` and `threshold` have at most 256 characters where they are strings. */
    data?: Record<string, unknown> | null;
  }

  interface PerformanceAlert {
    /** What was measured. */
    metric: string;
    /** What it is. */
    value: number;
    /** How severe it is. Left out: `severity` in `data`; otherwise it follows from the type. */
    severity?: string | null;
    /** What it should not exceed, with or without a unit. */
    threshold: string | number;
  }

  interface UserAction {
    /** Who did it. */
    userId: string;
    /** What they did. */
    action: string;
    /** Whatever belongs to it. */
    details?: Record<string, unknown> | null;
  }

  interface RoleAssignment {
    /** Whose role it is. */
    userId: string;
    /** The role. */
    roleName: string;
    /** What has become of it. */
    action: 'assigned' | 'revoked';
  }

  interface SystemEvent {
    /** What kind of event it is. */
    eventType: string;
    /** What administrators read. */
    description: string;
    /** Whatever belongs to it. */
    data?: Record<string, unknown> | null;
  }

  interface EventPage {
    /** gap: what lies between cannot be replayed; fetch the state anew. */
    status: 'resumed' | 'gap';
    /** The cursor to go on from. */
    lastEventId: string;
    events: PageEvent[];
  }

  interface PageEvent {
    eventId: EventId;
    /** The event's number within the group, contiguous from 1. */
    sequence: number;
    /** What a subscriber's connection would have been invoked with. */
    method: string;
    arguments: unknown[];
    occurredOnUtc: string;
  }

  /** Nodes that did not answer: what is theirs is missing. */
  type Unreachable = {
    node: string;
    host: string;
    error: string;
  }[];

  interface ConnectionPage {
    connections: Connection[];
    /** `after` of the next page; missing on the last. */
    next?: string;
    unreachable: Unreachable;
  }

  interface Connection {
    connectionId: string;
    /** Its path. */
    hub: string;
    user: string;
    node: string;
    /** The node's. */
    host: string;
    /** The client's, by a trusted proxy's word where there is one. */
    address: string;
    /** Missing while a client with stateful reconnect is away. */
    transport?: 'WebSockets' | 'ServerSentEvents' | 'LongPolling';
    connectedAt: string;
    /** At most 20. */
    groups: string[];
    /** How many there are beside. */
    moreGroups?: number;
  }

  interface Disconnection {
    user?: string | null;
    connectionId?: string | null;
    group?: string | null;
    /** Whether the clients are asked to come back. */
    reconnect?: boolean | null;
  }

  interface Disconnected {
    message: 'Connections closed';
    disconnected: number;
    unreachable: Unreachable;
  }

  interface NodeList {
    nodes: Node[];
  }

  interface Node {
    node: string;
    host: string;
    version: string;
    /** Where other nodes reach it; empty: it is of a release that tells none. */
    address: string;
    connections: number;
    /** ready: alive, and takes connections. draining: it was drained, or stops. silent: not heard of for some seconds. */
    state: 'ready' | 'draining' | 'silent';
    startedAt: string;
    /** Since its last heartbeat. */
    silentSeconds: number;
    /** It is the one that answers. */
    self: boolean;
  }

  interface Drain {
    /** Also where no other node takes connections. */
    force?: boolean | null;
  }

  interface Drained {
    message: 'Node is draining' | 'Node is draining already';
    node: string;
    host: string;
  }

  interface DeadLetterPage {
    deadLetters: DeadLetter[];
    /** `before` of the next page; missing on the last one. */
    next?: string;
  }

  /** One member at least. */
  interface Mending {
    /** Instead of the whole payload. */
    payload?: Record<string, unknown> | null;
    /** Fields that are set in the payload; the others stay. Not beside `payload`. */
    merge?: Record<string, unknown> | null;
    eventType?: string | null;
    /** All-zero: none. */
    resourceId?: string | null;
    /** All-zero: none. */
    restaurantId?: string | null;
    /** Empty: none. */
    customerId?: string | null;
    audience?: string | null;
    occurredOnUtc?: string | null;
    /** RFC 3339; empty: at once. */
    deliverAfter?: string | null;
    /** Empty: none. */
    traceparent?: string | null;
  }

  interface DeadLetter {
    eventId: EventId;
    /** Whether it is tried again by itself. */
    state: 'dead' | 'retrying';
    /** Empty where the retention has dropped the event's row. */
    eventType: string;
    /** All-zero for admin events. */
    resourceId: string;
    writtenAt: string;
    /** Left out where it is tried again. */
    diedAt?: string;
    /** Where it is tried again. */
    failingSince?: string;
    /** By the database's clock; left out while it is being tried. */
    nextAttemptAt?: string;
    attempts: number;
    /** Why the last attempt failed. */
    reason: string;
  }

  interface Story {
    eventId: EventId;
    status: EventStatus;
    /** Rows of the outbox with this id. */
    timesPublished: number;
    /** One for each group, else one that says why there is none. */
    places: Place[];
    /** One for each time that the id was published again. */
    duplicates: Place[];
    /** Of an event that could not be delivered: its deaths, and what was decided about it, the newest hundred, in order. */
    history: Step[];
  }

  interface Step {
    at: string;
    what: 'died' | 'retried' | 'mended' | 'dropped';
    /** Who decided so: a token's subject, or who ran the command. */
    by?: string;
    /** Before it died. */
    attempts?: number;
    /** Why it died, or what of it was changed. */
    detail?: string;
  }

  type EventStatus = 'waiting' | 'scheduled' | 'retrying' | 'relayed' | 'duplicate' | 'dead' | 'dropped';

  /** What does not apply is missing. */
  interface Place {
    status: EventStatus;
    /** Of the row that published it. */
    outboxSeq?: number;
    writtenAt?: string;
    deliverAfter?: string;
    relayedAt?: string;
    relayedBy?: string;
    relayedHost?: string;
    group?: string;
    /** In the log of all events. */
    position?: number;
    /** In the group. */
    sequence?: number;
    attempts?: number;
    nextAttemptAt?: string;
    /** When it died, was dropped, or was found to be a duplicate. */
    settledAt?: string;
    detail?: string;
    broadcasts?: Broadcast[];
  }

  interface Broadcast {
    nodeId: string;
    host: string;
    broadcastAt: string;
    /** That were handed it live; null where that was not recorded. */
    connections: number | null;
  }
}
