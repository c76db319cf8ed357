// admin-realtime-api.md: the React component, without React and what it draws
import * as signalR from '@microsoft/signalr';

// The two hooks, as far as the component uses them. A state is printed whenever it is set.
const names = ['connection', 'analytics', 'alerts'];
let unmount, connected;

function useState(initial) {
  const name = names.shift();
  let state = initial;
  return [state, (next) => {
    state = typeof next === 'function' ? next(state) : next;
    if (name === 'connection') connected = state;
    console.log(name, name === 'connection' ? state.state : state);
  }];
}

function useEffect(effect) {
  unmount = effect();
}

function AdminDashboard() {
  const [connection, setConnection] = useState(null);
  const [analytics, setAnalytics] = useState(null);
  const [alerts, setAlerts] = useState([]);

  useEffect(() => {
    // Create connection
    const conn = new signalR.HubConnectionBuilder()
      .withUrl(process.env.HERALD_URL + "/hubs/admin", {
        accessTokenFactory: () => localStorage.getItem('token')
      })
      .withAutomaticReconnect([0, 2000, 10000, 30000])
      .build();

    // Set up event listeners
    conn.on("ConnectionEstablished", (msg) => {
      console.log("Connected:", msg);
    });

    conn.on("AnalyticsUpdate", (data) => {
      setAnalytics(data);
    });

    conn.on("SystemAlert", (data) => {
      setAlerts(prev => [data, ...prev].slice(0, 10));
    });

    conn.onreconnecting(() => {
      console.log("Attempting to reconnect...");
    });

    conn.onreconnected(() => {
      console.log("Reconnected to real-time service");
    });

    // Start connection
    conn.start()
      .then(() => {
        console.log("Connected to real-time hub");
        // Subscribe to updates
        conn.invoke("SubscribeToAnalytics");
        conn.invoke("SubscribeToAlerts");
      })
      .catch(err => console.error("Connection error:", err));

    setConnection(conn);

    return () => {
      if (conn) {
        conn.stop();
      }
    };
  }, []);
}

AdminDashboard();
await step('mounted');

// Re-subscribe to groups, as the component did
await connected.invoke("SubscribeToAnalytics");
await connected.invoke("SubscribeToAlerts");
await step('subscribed again');
unmount();
await step('unmounted');
process.exit(0);
