import { useEffect, useState } from 'react';
import type { AnalyticsUpdate, SystemAlert } from '../../docs/herald';
import { follow } from '../follow.mjs';
import { herald } from './settings';

/** The admin document's component, in a form that hears what happened while it was away. */
export default function AdminDashboard() {
  const [analytics, setAnalytics] = useState<AnalyticsUpdate>();
  const [alerts, setAlerts] = useState<SystemAlert[]>([]);
  const [problem, setProblem] = useState<string>();

  useEffect(() => follow({
    ...herald,
    url: `${herald.url}/hubs/admin`,
    groups: [
      {
        resume: (last) => ['ResumeAnalytics', last],
        handlers: {
          AnalyticsUpdate: (update: AnalyticsUpdate) => {
            setAnalytics(update);
            setProblem(undefined);
          },
          UserCountUpdate: () => {},
          GenerationMetricsUpdate: () => {},
          RevenueUpdate: () => {},
        },
      },
      {
        resume: (last) => ['ResumeAlerts', last],
        handlers: { SystemAlert: (alert: SystemAlert) => setAlerts((before) => [alert, ...before].slice(0, 10)) },
      },
    ],
    onProblem: (error) => setProblem(String(error)),
  }), []);

  return (
    <div>
      <h1>Admin Dashboard</h1>
      {analytics && (
        <div id="analytics">
          <p>Active Users: {analytics.activeUsers}</p>
          <p>Total Users: {analytics.totalUsers}</p>
          <p>Revenue: ${analytics.revenue}</p>
        </div>
      )}
      <div id="alerts">
        <h2>Recent Alerts</h2>
        {alerts.map((alert) => <div key={alert.eventId} className={`alert alert-${alert.type}`}>{alert.message}</div>)}
      </div>
      {problem && <p role="alert">{problem}</p>}
    </div>
  );
}
