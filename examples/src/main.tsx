import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import AdminDashboard from './AdminDashboard';
import { OrderPage } from './OrderPage';
import { orderId, page } from './settings';

createRoot(document.getElementById('root')!).render(
  <StrictMode>{page === 'admin' ? <AdminDashboard /> : <OrderPage orderId={orderId} />}</StrictMode>,
);
