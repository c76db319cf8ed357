// admin-realtime-api.md: everything but the React component, in the document's order
import * as signalR from '@microsoft/signalr';

// Connection
const connection = new signalR.HubConnectionBuilder()
    .withUrl(process.env.HERALD_URL + "/hubs/admin", {
        accessTokenFactory: () => localStorage.getItem('token')
    })
    .withAutomaticReconnect([0, 2000, 10000, 30000])
    .build();

connection.on("ConnectionEstablished", (msg) => {
    console.log("Connected:", msg);
});

await connection.start();

// User Activity Group
await connection.invoke("SubscribeToUserActivity");

connection.on("UserActivityUpdate", (data) => {
    console.log("User Action:", data);
    // {
    //   timestamp: "2025-10-17T10:30:00Z",
    //   userId: "550e8400-e29b-41d4-a716-446655440000",
    //   action: "website_generated",
    //   details: {...}
    // }
});

// Analytics Group
await connection.invoke("SubscribeToAnalytics");

connection.on("AnalyticsUpdate", (data) => {
    console.log("Analytics:", data);
    // {
    //   timestamp: "2025-10-17T10:30:00Z",
    //   totalUsers: 5432,
    //   activeUsers: 234,
    //   websitesGenerated: 1203,
    //   imagesGenerated: 3847,
    //   revenue: 12345.67
    // }
});

connection.on("UserCountUpdate", (data) => {
    console.log("User Metrics:", data);
    // { totalUsers: 5432, activeUsers: 234, newUsersToday: 12 }
});

// Alerts Group
await connection.invoke("SubscribeToAlerts");

connection.on("SystemAlert", (data) => {
    console.log("Alert:", data);
    // { type: "warning", message: "...", severity: "high", timestamp: "..." }
});

// Admin Group (Auto-joined)
connection.on("AdminNotification", (data) => {
    console.log("Admin Notification:", data);
});

await step('subscribed');

// Hub Methods: Subscription Management
await connection.invoke("SubscribeToUserActivity");

await connection.invoke("SubscribeToAnalytics");

await connection.invoke("SubscribeToAlerts");

await step('subscribed again');

await connection.invoke("UnsubscribeFromUserActivity");

await connection.invoke("UnsubscribeFromAnalytics");

await connection.invoke("UnsubscribeFromAlerts");

await step('unsubscribed');

// Hub Methods: Data Retrieval
const stats = await connection.invoke("GetPlatformStats");
// { totalUsers: 5432, activeUsers: 234, ... }

console.log('stats', stats);

const info = await connection.invoke("GetConnectionCount");
// { connectionId: "...", timestamp: "...", ...}

console.log('info', info);

const response = await connection.invoke("SendTestMessage", "Test payload");
// { timestamp: "...", message: "Test received" }

console.log('response', response);

// Error Handling
connection.on("ReceiveMessage", (message) => {
  // Handle message
});

connection.on("ErrorOccurred", (error) => {
  console.error("Hub error:", error);
  // { type: "error", message: "...", timestamp: "..." }
});

connection.onreconnecting((error) => {
  console.error("Connection lost:", error);
  // Automatically attempt to reconnect
});

connection.onreconnected(() => {
  console.log("Reconnected successfully");
  // Re-subscribe to groups
});

// Refused, so that there is an error to be told of.
await connection.invoke("RefreshToken", "not a token").catch((error) => console.log('refused', error));

await step('listening for errors');
process.exit(0);
